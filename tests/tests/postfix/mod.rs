//! A real Postfix in front of the gateway: its own folder, loopback only, started and stopped by the test.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{has, said};

/// Where it connects from: the relay's address in these tests.
pub(crate) const RELAY: &str = "127.0.0.5";

/// What the gateway's operator writes into the `main.cf` of such a server.
const MAIN: &str = "\
compatibility_level = 3.6
myhostname = relay.company.example
mydestination =
relay_domains = sms.example.com
relay_transport = smtp:[$NEXT_HOST]:$NEXT_PORT
smtpd_relay_restrictions = permit_auth_destination, reject
";

/// What keeps the test to itself.
const PRIVATE: &str = "\
queue_directory = $FOLDER/queue
data_directory = $FOLDER/data
maillog_file = $FOLDER/log
maillog_file_prefixes = $FOLDER
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtp_bind_address = 127.0.0.5
";

const MASTER: &str = "\
$LISTEN inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// A running Postfix.
pub(crate) struct Postfix {
    folder: PathBuf,
    /// Where it takes mail.
    pub(crate) smtp: String,
}

impl Drop for Postfix {
    fn drop(&mut self) {
        drop(self.control("stop"));
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Whether Postfix can be started here; in CI it must.
pub(crate) fn can_start() -> bool {
    if !has("postfix") {
        return false;
    }
    let id = Command::new("id").arg("-u").output().unwrap();
    let root = id.stdout == b"0\n";
    assert!(
        root || std::env::var_os("CI").is_none(),
        "Postfix is started by root only"
    );
    if !root {
        println!("skipped: Postfix is started by root only");
    }
    root
}

impl Postfix {
    /// Starts one that hands mail on to `next`, with more settings of `main.cf`. Its folder lies
    /// where its own user can reach it.
    pub(crate) fn start(name: &str, next: &str, settings: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("postel-{name}-{}", std::process::id()));
        let smtp = crate::process::free_port();
        let conf = folder.join("conf");
        for part in ["conf", "queue", "data"] {
            std::fs::create_dir_all(folder.join(part)).unwrap();
        }
        let owned = Command::new("chown")
            .arg("postfix")
            .arg(folder.join("data"))
            .status();
        assert!(owned.unwrap().success());
        let (host, port) = next.rsplit_once(':').unwrap();
        let filled = |template: &str| {
            template
                .replace("$FOLDER", folder.to_str().unwrap())
                .replace("$NEXT_HOST", host)
                .replace("$NEXT_PORT", port)
                .replace("$LISTEN", &smtp)
        };
        let main = format!("{}{}{settings}", filled(MAIN), filled(PRIVATE));
        std::fs::write(conf.join("main.cf"), main).unwrap();
        std::fs::write(conf.join("master.cf"), filled(MASTER)).unwrap();
        let postfix = Self { folder, smtp };
        let started = postfix.control("start");
        assert!(
            started.status.success(),
            "{}{}",
            said(&started),
            postfix.log()
        );
        postfix
    }

    fn control(&self, what: &str) -> std::process::Output {
        Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.conf())
            .arg(what)
            .output()
            .unwrap()
    }

    /// The folder of its configuration.
    pub(crate) fn conf(&self) -> PathBuf {
        self.folder.join("conf")
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        let log: &Path = &self.folder.join("log");
        std::fs::read_to_string(log).unwrap_or_default()
    }
}

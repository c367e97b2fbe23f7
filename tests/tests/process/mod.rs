//! `postel serve` as a process of its own, its DNS on loopback, and what drives it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use postel_auth::testing::{Zone, ZoneServer};
use serde_json::Value;

/// The listed user, whose domain's SPF names 127.0.0.1.
pub(crate) const USER: &str = "ann@company.example";

/// The `postel` that was built with these tests.
pub(crate) fn postel() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().unwrap().parent().unwrap().join("postel");
    assert!(
        built.exists(),
        "build it first: cargo build -p postel (make test does)"
    );
    built
}

/// Whether a tool of the system is there; in CI its absence is a failure.
pub(crate) fn has(tool: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .chain([PathBuf::from("/usr/sbin")])
            .any(|d| d.join(tool).exists())
    });
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{tool} is missing: tests/tools/install.sh brings it"
    );
    if !found {
        println!("skipped: {tool} is not on this machine");
    }
    found
}

/// A gateway on a folder of its own.
pub(crate) struct Gateway {
    child: Option<Child>,
    folder: PathBuf,
    dns: ZoneServer,
    pub(crate) smtp: String,
    pub(crate) web: String,
    environment: Vec<(String, String)>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// An address nobody listens on, below the ports that clients are given: while the gateway is down, a client that
/// asks for it again and again would else be given that very port, and talk to itself.
pub(crate) fn free_port() -> String {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.0.0.1:{}", 12_000 + (first + asked * 7) % 20_000);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

impl Gateway {
    /// Set up with an account `acme` that lists [`USER`], and started.
    pub(crate) async fn set_up(name: &str) -> Self {
        Self::set_up_with(name, &[]).await
    }

    /// [`Gateway::set_up`] with more settings: `SECTION_KEY` and value.
    pub(crate) async fn set_up_with(name: &str, more: &[(&str, &str)]) -> Self {
        Self::set_up_in(name, Zone::new(), more).await
    }

    /// The same, with more names in DNS.
    pub(crate) async fn set_up_in(name: &str, zone: Zone, more: &[(&str, &str)]) -> Self {
        Self::set_up_all(name, zone, more, |_| ()).await
    }

    /// [`Gateway::set_up`] on a data folder that is made ready beforehand.
    pub(crate) async fn set_up_on(name: &str, ready: impl FnOnce(&Path)) -> Self {
        Self::set_up_all(name, Zone::new(), &[], ready).await
    }

    async fn set_up_all(
        name: &str,
        zone: Zone,
        more: &[(&str, &str)],
        ready: impl FnOnce(&Path),
    ) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let zone = zone.txt("company.example", "v=spf1 ip4:127.0.0.1 -all");
        let dns = ZoneServer::start(zone).await.unwrap();
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, certificate.cert.pem()).unwrap();
        std::fs::write(&key, certificate.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let (smtp, web) = (free_port(), free_port());
        let set = |key: &str, value: &str| (format!("POSTEL_{key}"), value.to_owned());
        let mut environment = vec![
            set("GATEWAY_DOMAINS", "sms.example.com"),
            set("GATEWAY_DATA", folder.join("data").to_str().unwrap()),
            set("SMTP_LISTEN", &smtp),
            set("SMTP_TLS_CERTIFICATE", cert.to_str().unwrap()),
            set("SMTP_TLS_KEY_FILE", key.to_str().unwrap()),
            set("DNS_SERVER", &dns.address().to_string()),
            set("WEB_LISTEN", &web),
        ];
        environment.extend(more.iter().map(|(key, value)| set(key, value)));
        let mut gateway = Self {
            child: None,
            folder,
            smtp,
            web,
            environment,
            dns,
        };
        ready(&gateway.data());
        gateway.run(&["account", "add", "acme"]);
        gateway.run(&["user", "add", "acme", USER]);
        gateway.start();
        let page = gateway.http("POST", &format!("/invitation/{}", gateway.invitation()));
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        gateway.run(&[
            "limits",
            "set",
            "acme",
            "--user-hour",
            "1000000",
            "--number-hour",
            "1000000",
            "--day",
            "50000",
            "--month",
            "500000",
        ]);
        gateway
    }

    /// The folder of database and spool.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The token of the invitation that was accepted.
    pub(crate) fn invitation_token(&self) -> String {
        self.invitation()
    }

    /// The token of the invitation, once it lies in the folder of mails of our own.
    fn invitation(&self) -> String {
        let outbox = self.folder.join("data/outbox");
        wait_for("the invitation mail", || {
            let file = std::fs::read_dir(&outbox)
                .ok()?
                .filter_map(Result::ok)
                .find(|f| f.path().extension().is_some_and(|e| e == "eml"))?;
            let mail = postel_mail::parse(&std::fs::read(file.path()).ok()?);
            let (_, token) = mail.body.text.split_once("/invitation/")?;
            token.split_whitespace().next().map(str::to_owned)
        })
    }

    /// Runs a command of the command line on this gateway's folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "postel {arguments:?}: {}",
            said(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail; what it says.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while child.try_wait().unwrap().is_none() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        drop(child.kill());
        let output = child.wait_with_output().unwrap();
        assert!(
            !output.status.success() && output.status.code().is_some(),
            "postel {arguments:?} did not fail: {}",
            said(&output)
        );
        said(&output)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(postel());
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(&self.folder);
        command
    }

    /// Another setting, `SECTION_KEY`, from the next start on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        let key = format!("POSTEL_{key}");
        self.environment.retain(|(k, _)| *k != key);
        self.environment.push((key, value.to_owned()));
    }

    /// Starts `postel serve` and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.begin();
        wait_for("the listener's greeting", || {
            let mut line = String::new();
            let stream = TcpStream::connect(&self.smtp).ok()?;
            BufReader::new(stream).read_line(&mut line).ok()?;
            line.starts_with("220").then_some(())
        });
    }

    /// Starts `postel serve` and does not wait.
    pub(crate) fn begin(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .unwrap();
        let child = self
            .command(&["serve"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Stops the process as an operator does, and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut child) = self.child.take() {
            let ended = wait_for("the process to end", || child.try_wait().unwrap());
            assert!(ended.success(), "{ended}");
        }
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Its DNS.
    pub(crate) fn dns(&self) -> &ZoneServer {
        &self.dns
    }

    /// The chain that it shows in TLS, in PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// A figure of the running process in kilobytes: `VmHWM`, `VmRSS` (proc(5)).
    pub(crate) fn kilobytes(&self, figure: &str) -> u64 {
        let pid = self.child.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|l| l.starts_with(figure)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// What the running process has computed so far (proc(5), `utime` and `stime`): other work on the machine does
    /// not count.
    pub(crate) fn computed(&self) -> Duration {
        let pid = self.child.as_ref().unwrap().id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, figures) = stat.rsplit_once(") ").unwrap();
        let figures = figures.split(' ').skip(11).take(2);
        let ticks: u64 = figures.map(|t| t.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Sends the process a signal by its name, and does not wait.
    pub(crate) fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let sent = Command::new("kill")
                .args([&format!("-{name}"), &child.id().to_string()])
                .status();
            assert!(sent.unwrap().success(), "kill -{name}");
        }
    }

    /// Waits for the end of a process that was told to stop, which must be a good one.
    pub(crate) fn ended(&mut self) {
        if let Some(mut child) = self.child.take() {
            let ended = wait_for("the process to end", || child.try_wait().unwrap());
            assert!(ended.success(), "{ended}");
        }
    }

    /// Everything the process logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// One HTTP exchange, answer and all.
    pub(crate) fn http(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.web).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", self.web).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The newest texts on the simulated phone (at most 100).
    pub(crate) fn texts(&self) -> Vec<Value> {
        let answer = self.http("GET", "/handset.json");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body = serde_json::from_str::<Value>(body).map_err(|e| format!("{e}: {answer}"));
        let body = body.unwrap();
        body.get("texts").unwrap().as_array().unwrap().clone()
    }

    /// Waits until the phone shows this text.
    pub(crate) fn arrived(&self, text: &str) -> Value {
        wait_for("the text", || {
            self.texts().into_iter().find(|t| t["text"] == text)
        })
    }

    /// How many rows of the ledger are in each state.
    pub(crate) fn rows(&self) -> BTreeMap<String, u32> {
        self.counted("SELECT state, count(*) FROM ledger GROUP BY state")
    }

    /// All texts that ever arrived on the simulated phone, counted by what they were sent for.
    pub(crate) fn arrivals(&self) -> BTreeMap<String, u32> {
        self.counted("SELECT json_extract(doc, '$.reference'), count(*) FROM handset GROUP BY 1")
    }

    /// The database itself.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        let file = self.folder.join("data/postel.sqlite");
        let database = rusqlite::Connection::open(file).unwrap();
        database.busy_timeout(Duration::from_secs(10)).unwrap();
        database
    }

    /// Names and counts, read from the database itself.
    fn counted(&self, query: &str) -> BTreeMap<String, u32> {
        let database = self.database();
        let mut query = database.prepare(query).unwrap();
        query
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

/// Both streams of a command, for messages.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Asks until there is an answer, for at most a minute and a half.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            start.elapsed() < Duration::from_secs(90),
            "waited a minute and a half for {what}"
        );
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

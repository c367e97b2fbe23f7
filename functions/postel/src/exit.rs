//! How a command ends: its exit code, and the words for a failure.

use std::fmt;
use std::process::ExitCode;

use crate::config::Fault;

/// What the exit codes mean, as `--help` prints it.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done; for a question: the answer is yes
  1  the answer is no: a mail refused, not a number, no such account, a change that is not allowed
  2  the command line is wrong
  3  the configuration is wrong
  4  it could not be done or found out now (a file, the database, DNS); the same command may work later";

/// How a command ended when nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, or yes.
    Yes,
    /// No; why was printed on standard output.
    No,
    /// Not to be found out now; why was printed on standard output.
    Unknown,
}

/// Why a command failed, in words for a person that say what to do next.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It must not be, or there is no such thing.
    Refused(String),
    /// The command line makes no sense.
    Usage(String),
    /// Everything wrong with the configuration, and how to do without it where that is possible.
    Configuration(Vec<Fault>, Option<&'static str>),
    /// Could not be done now.
    Trouble(String),
    /// Nobody reads the output any more.
    Unread,
}

impl Failure {
    /// The exit code of [`CODES`].
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Configuration(..) => 3,
            Self::Trouble(_) => 4,
            Self::Unread => 0,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(what) | Self::Usage(what) | Self::Trouble(what) => f.write_str(what),
            Self::Unread => f.write_str("nobody reads the output"),
            Self::Configuration(faults, hint) => {
                let count = faults.len();
                let plural = if count == 1 { "" } else { "s" };
                write!(f, "the configuration has {count} fault{plural}:")?;
                faults
                    .iter()
                    .try_for_each(|fault| write!(f, "\n  {fault}"))?;
                hint.map_or(Ok(()), |hint| write!(f, "\n{hint}"))
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Unread;
        }
        Self::Trouble(format!("the output could not be written: {e}"))
    }
}

/// What every command returns.
pub(crate) type Outcome = Result<Answer, Failure>;

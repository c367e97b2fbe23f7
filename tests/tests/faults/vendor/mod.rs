//! A provider of texts on loopback that fails as it is told: Twilio's Messages resource.
//!
//! Keeps every text it took, which is what it would bill. Runs on threads of its own, so that a test may block. Must
//! not know the gateway.

mod http;
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use postel_core::ports::Clock;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A text it took: it is billed, and on the phone.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) sid: String,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) body: String,
    pub(crate) at: Timestamp,
}

/// What becomes of one request to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Whether the text is taken, whatever is said.
    pub(crate) taken: bool,
    /// How long it thinks before it says anything; a text that is taken is taken before that.
    pub(crate) after: Duration,
    /// What it says.
    pub(crate) said: Said,
}

/// What a request hears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    /// What is said of a text that was taken.
    Created,
    /// This status, Twilio's code (0: no JSON but a page of a proxy), `Retry-After`.
    Error(u16, u32, Option<u32>),
    /// The connection is reset.
    Reset,
    /// The answer breaks off in its middle.
    Half,
    /// 201 and then what is no JSON.
    Rubbish,
    /// Nothing, until the client goes away.
    Nothing,
}

impl Answer {
    pub(crate) const TAKEN: Self = Self::new(true, Said::Created);

    pub(crate) const fn new(taken: bool, said: Said) -> Self {
        Self {
            taken,
            after: Duration::ZERO,
            said,
        }
    }

    pub(crate) const fn late(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// It is served.
    Open,
    /// It is refused: nothing listens.
    Refuses,
    /// It is taken and reset before anything is read.
    Resets,
}

type Decide = Box<dyn Fn(usize) -> Answer + Send + Sync>;

/// Everything its connections share.
struct Shared {
    clock: Arc<dyn Clock>,
    texts: Mutex<Vec<Text>>,
    sends: AtomicUsize,
    look_ups: AtomicUsize,
    /// Decides by the number of the request, counted from 0 since it was set.
    decide: Mutex<(usize, Decide)>,
    /// What look-ups hear; `Created` is the truth.
    look_ups_hear: Mutex<Answer>,
    door: watch::Sender<Door>,
}

/// The running provider.
pub(crate) struct Vendor {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Drop for Vendor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vendor {
    /// Starts one that takes everything, dated by this clock.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (door, doors) = watch::channel(Door::Open);
        let shared = Arc::new(Shared {
            clock,
            texts: Mutex::default(),
            sends: AtomicUsize::new(0),
            look_ups: AtomicUsize::new(0),
            decide: Mutex::new((0, Box::new(|_| Answer::TAKEN))),
            look_ups_hear: Mutex::new(Answer::TAKEN),
            door,
        });
        let guard = runtime.enter();
        // Bound for as long as it runs, so that nobody else gets the port while nothing listens.
        let place = bound("127.0.0.1:0".parse().unwrap());
        let address = place.local_addr().unwrap();
        let listener = bound(address).listen(1024).unwrap();
        drop(guard);
        runtime.spawn(serve(place, listener, address, Arc::clone(&shared), doors));
        Self {
            runtime: Some(runtime),
            shared,
            address,
        }
    }

    /// Where it is reached.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this decides what becomes of each request to send, counted from 0.
    pub(crate) fn decides(&self, decide: impl Fn(usize) -> Answer + Send + Sync + 'static) {
        *lock(&self.shared.decide) = (0, Box::new(decide));
    }

    /// The next requests hear these, all later ones are taken.
    pub(crate) fn says(&self, answers: impl IntoIterator<Item = Answer>) {
        let answers: Vec<Answer> = answers.into_iter().collect();
        self.decides(move |n| answers.get(n).copied().unwrap_or(Answer::TAKEN));
    }

    /// What look-ups hear from now on.
    pub(crate) fn look_ups_hear(&self, answer: Answer) {
        *lock(&self.shared.look_ups_hear) = answer;
    }

    /// What happens to connections from now on; those that are open end.
    pub(crate) fn door(&self, door: Door) {
        let before = self.shared.door.send_replace(door);
        if before == door {
            return;
        }
        // Until the port does as told.
        crate::process::wait_for("the vendor's door", || {
            let reached = std::net::TcpStream::connect(self.address).is_ok();
            (reached == (door != Door::Refuses)).then_some(())
        });
    }

    /// Every text it took, oldest first.
    pub(crate) fn texts(&self) -> Vec<Text> {
        lock(&self.shared.texts).clone()
    }

    /// How often it was asked to send.
    pub(crate) fn sends(&self) -> usize {
        self.shared.sends.load(Ordering::Relaxed)
    }

    /// How often it was asked what became of a text.
    pub(crate) fn look_ups(&self) -> usize {
        self.shared.look_ups.load(Ordering::Relaxed)
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn serve(
    _place: TcpSocket,
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    mut doors: watch::Receiver<Door>,
) {
    let mut listener = Some(listener);
    loop {
        let door = *doors.borrow_and_update();
        if door == Door::Refuses {
            listener = None;
        } else if listener.is_none() {
            listener = Some(bound(address).listen(1024).unwrap());
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        let stream = tokio::select! {
            changed = doors.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
            stream = accepted => stream,
        };
        let Ok((stream, _)) = stream else { continue };
        if door == Door::Resets {
            http::reset(stream);
            continue;
        }
        let (shared, mut ends) = (Arc::clone(&shared), doors.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = http::connection(stream, &shared) => {}
                _ = ends.wait_for(|d| *d != Door::Open) => {}
            }
        });
    }
}

impl Shared {
    /// What becomes of the next request to send.
    fn decide(&self) -> Answer {
        self.sends.fetch_add(1, Ordering::Relaxed);
        let mut decide = lock(&self.decide);
        let n = decide.0;
        decide.0 += 1;
        (decide.1)(n)
    }

    /// What becomes of the next look-up.
    fn look_up(&self) -> Answer {
        self.look_ups.fetch_add(1, Ordering::Relaxed);
        *lock(&self.look_ups_hear)
    }

    /// Takes a text; says its id.
    fn take(&self, to: String, from: String, body: String) -> Text {
        let mut texts = lock(&self.texts);
        let text = Text {
            sid: format!("SM{:032x}", texts.len() + 1),
            to,
            from,
            body,
            at: self.clock.now(),
        };
        texts.push(text.clone());
        text
    }
}

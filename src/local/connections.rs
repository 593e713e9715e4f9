//! Which connections a listener takes, how many at a time, and how long one may stay without a request. Any program of
//! this machine can connect, and one that only holds connections must not keep the others out.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::auth::peer;

/// Whether the peer of a connection is the user of this process: its address, and ours.
type IsOwn = dyn Fn(SocketAddr, SocketAddr) -> bool + Send + Sync;

/// What a listener allows.
#[derive(Clone)]
pub struct Limits {
    /// Connections at a time. The next one waits until one of them ends.
    pub connections: usize,
    /// Connections at a time beyond which those of other users are dropped.
    pub foreign: usize,
    /// How long the first request may take to come, with all its headers.
    pub first_request: Duration,
    /// How long a connection is kept without a request under way; none: for as long as its client keeps it.
    pub idle: Option<Duration>,
    /// Who is no other user.
    pub is_own: Arc<IsOwn>,
}

impl Default for Limits {
    /// Returns those of the one port.
    fn default() -> Self {
        Limits {
            connections: 512,
            // The owner of each peer is looked up from there on only: it is a walk through all sockets of the machine.
            foreign: 64,
            first_request: Duration::from_secs(10),
            // The SDKs end their own idle connections after 90 seconds at most, and should be the first to do so.
            idle: Some(Duration::from_mins(2)),
            is_own: Arc::new(peer::is_own),
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { connections, foreign, first_request, idle, is_own: _ } = self;
        let numbers = (connections, foreign, first_request, idle);
        formatter.debug_tuple("Limits").field(&numbers).finish()
    }
}

/// A listener with its limits.
pub(super) struct Gate {
    listener: TcpListener,
    limits: Limits,
    places: Arc<Semaphore>,
}

/// A connection that was taken.
pub(super) struct Taken {
    pub stream: TcpStream,
    pub activity: Activity,
    /// Given back when the connection ends.
    pub place: OwnedSemaphorePermit,
}

impl Gate {
    pub(super) fn new(listener: TcpListener, limits: Limits) -> Self {
        Gate { listener, places: Arc::new(Semaphore::new(limits.connections)), limits }
    }

    /// Returns the next connection. May be dropped while it waits, and then loses none.
    ///
    /// # Errors
    /// When the system has no connection to give: out of file descriptors, most likely, which passes.
    pub(super) async fn next(&self) -> io::Result<Taken> {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return Err(io::Error::other("the listener is closed"));
            };
            let (stream, peer) = self.listener.accept().await?;
            let open = self.limits.connections - self.places.available_permits();
            if open > self.limits.foreign && !(self.limits.is_own)(peer, stream.local_addr()?) {
                // Without a word: it has said nothing either.
                continue;
            }
            // Small answers go out at once. Without the option they only go out later.
            stream.set_nodelay(true).unwrap_or_default();
            return Ok(Taken { stream, activity: Activity::new(&self.limits), place });
        }
    }
}

/// Whether a connection is in use; clones share it.
#[derive(Clone)]
pub(super) struct Activity {
    state: watch::Sender<State>,
    first_request: Duration,
    idle: Option<Duration>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Requests under way.
    under_way: usize,
    /// True if there has been one.
    begun: bool,
}

/// A request under way.
pub(super) struct UnderWay(watch::Sender<State>);

impl Activity {
    fn new(limits: &Limits) -> Self {
        Activity { state: watch::Sender::new(State::default()), first_request: limits.first_request, idle: limits.idle }
    }

    /// Marks a request as under way until the answer is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.state.send_modify(|state| {
            state.under_way += 1;
            state.begun = true;
        });
        UnderWay(self.state.clone())
    }

    /// Returns once the connection has been without a request for longer than it may.
    pub(super) async fn ceases(&self) {
        let mut changes = self.state.subscribe();
        loop {
            let State { under_way, begun } = *changes.borrow_and_update();
            let limit = match (under_way, begun) {
                (0, false) => Some(self.first_request),
                (0, true) => self.idle,
                _ => None,
            };
            let next = match limit {
                Some(limit) => timeout(limit, changes.changed()).await,
                None => Ok(changes.changed().await),
            };
            // The other kind of failure cannot be: the sender is held here.
            if !matches!(next, Ok(Ok(()))) {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.under_way -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::Ipv4Addr;
    use std::sync::Mutex;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpSocket;

    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    /// A gate, and a way to connect to it as its owner or as another user.
    struct Bench {
        gate: Gate,
        address: SocketAddr,
        foreign: Arc<Mutex<HashSet<SocketAddr>>>,
    }

    impl Bench {
        async fn new(connections: usize, foreign: usize) -> Bench {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let known: Arc<Mutex<HashSet<SocketAddr>>> = Arc::default();
            let others = Arc::clone(&known);
            let is_own = Arc::new(move |peer, here| here == address && !others.lock().unwrap().contains(&peer));
            let limits = Limits { connections, foreign, is_own, ..Limits::default() };
            Bench { gate: Gate::new(listener, limits), address, foreign: known }
        }

        async fn connect(&self, is_foreign: bool) -> TcpStream {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            if is_foreign {
                self.foreign.lock().unwrap().insert(socket.local_addr().unwrap());
            }
            socket.connect(self.address).await.unwrap()
        }
    }

    #[tokio::test]
    async fn next_drops_other_users_beyond_their_number_and_keeps_the_owner() {
        let bench = Bench::new(10, 3).await;
        let mut others = Vec::new();
        for _ in 0..6 {
            others.push(bench.connect(true).await);
        }
        let _owner = bench.connect(false).await;
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push(bench.gate.next().await.unwrap());
        }
        let ports: Vec<SocketAddr> = taken.iter().map(|taken| taken.stream.peer_addr().unwrap()).collect();
        let connected: Vec<SocketAddr> = others.iter().map(|stream| stream.local_addr().unwrap()).collect();
        assert_eq!(&ports[..3], &connected[..3]);
        assert!(!bench.foreign.lock().unwrap().contains(&ports[3]), "the owner comes in");
        for stream in &mut others[3..] {
            assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "dropped");
        }
        // A place that another user gives back may be taken by another user again.
        taken.remove(0);
        taken.remove(0);
        let again = bench.connect(true).await;
        let next = bench.gate.next().await.unwrap();
        assert_eq!(next.stream.peer_addr().unwrap(), again.local_addr().unwrap());
    }

    #[tokio::test]
    async fn next_waits_for_a_place() {
        let bench = Bench::new(2, 0).await;
        let _clients = [bench.connect(false).await, bench.connect(false).await, bench.connect(false).await];
        let (first, _second) = (bench.gate.next().await.unwrap(), bench.gate.next().await.unwrap());
        let mut third = std::pin::pin!(bench.gate.next());
        assert!(futures::poll!(third.as_mut()).is_pending());
        drop(first);
        timeout(SOON, third).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn ceases_counts_from_the_last_request_and_waits_for_those_under_way() {
        let limits = Limits { first_request: SOON, idle: Some(10 * SOON), ..Limits::default() };
        let activity = Activity::new(&limits);
        let began = tokio::time::Instant::now();
        activity.ceases().await;
        assert_eq!(began.elapsed(), SOON, "no request came");
        let request = activity.begin();
        let mut ceases = std::pin::pin!(activity.ceases());
        assert!(timeout(1000 * SOON, ceases.as_mut()).await.is_err(), "a request is under way");
        drop(request);
        let began = tokio::time::Instant::now();
        ceases.await;
        assert_eq!(began.elapsed(), 10 * SOON);
        let kept = Activity::new(&Limits { idle: None, ..limits });
        drop(kept.begin());
        assert!(timeout(1000 * SOON, kept.ceases()).await.is_err(), "kept for as long as its client wants it");
    }
}

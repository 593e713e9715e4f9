//! Connection limits of a listener: which connections it accepts, how many at a time, and how long one may be idle.
//!
//! Any program on this machine can connect, and one that only holds connections must not keep the others out.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::auth::peer;
use crate::auth::peer::Peers;

/// Time after a lookup in which no port of a peer can be another user's.
const FRESH: Duration = Duration::from_secs(1);

/// Finds the wanted peer of a local address, and maybe others; `None` if the system does not know them.
type FindPeers = dyn Fn(SocketAddr, SocketAddr) -> Option<Peers> + Send + Sync;

/// The connection limits of a listener.
#[derive(Clone)]
pub struct Limits {
    /// Limit of concurrent connections. The next one waits until one of them ends.
    pub connections: usize,
    /// Number of concurrent connections above which those of other users are dropped.
    pub foreign: usize,
    /// Timeout of the first request, with all its headers.
    pub first_request: Duration,
    /// Timeout of a connection without an active request; `None` for no timeout.
    pub idle: Option<Duration>,
    /// Finds out which peers belong to the user of this process.
    pub peers: Arc<FindPeers>,
}

impl Default for Limits {
    /// Returns the limits of the local cloud's port.
    fn default() -> Self {
        Limits {
            connections: 512,
            // Only above this number are owners looked up: a system may only list all sockets of the machine.
            foreign: 64,
            first_request: Duration::from_secs(10),
            // The SDKs end their own idle connections after 90 seconds at most, and should be the first to do so.
            idle: Some(Duration::from_mins(2)),
            peers: Arc::new(peer::find),
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { connections, foreign, first_request, idle, peers: _ } = self;
        let numbers = (connections, foreign, first_request, idle);
        formatter.debug_tuple("Limits").field(&numbers).finish()
    }
}

/// A listener with its limits.
pub(super) struct Gate {
    listener: TcpListener,
    limits: Limits,
    places: Arc<Semaphore>,
    /// Peers of other users, and when they were looked up. A thousand may wait before the owner does, and one lookup must
    /// do for all of them.
    foreign: Mutex<Option<(Instant, HashSet<SocketAddr>)>>,
}

/// An accepted connection.
pub(super) struct Taken {
    pub stream: TcpStream,
    pub activity: Activity,
    /// Permit, released when the connection ends.
    pub place: OwnedSemaphorePermit,
}

impl Gate {
    pub(super) fn new(listener: TcpListener, limits: Limits) -> Self {
        Gate { listener, places: Arc::new(Semaphore::new(limits.connections)), limits, foreign: Mutex::default() }
    }

    /// Accepts the next connection. Cancel-safe: dropping the future loses no connection.
    ///
    /// # Errors
    /// The system has no connection to give, usually for lack of file descriptors, which is transient.
    pub(super) async fn next(&self) -> io::Result<Taken> {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return Err(io::Error::other("the listener is closed"));
            };
            let (stream, peer) = self.listener.accept().await?;
            let open = self.limits.connections - self.places.available_permits();
            if open > self.limits.foreign && self.is_foreign(peer, stream.local_addr()?) {
                // Drop it without a response: it has sent nothing either.
                continue;
            }
            // Send small responses at once. Without the option they are only delayed.
            stream.set_nodelay(true).unwrap_or_default();
            return Ok(Taken { stream, activity: Activity::new(&self.limits), place });
        }
    }

    /// Returns whether an accepted peer belongs to another user.
    ///
    /// Without another lookup only a peer is taken for foreign that was so a moment ago.
    fn is_foreign(&self, peer: SocketAddr, here: SocketAddr) -> bool {
        let mut foreign = self.foreign.lock();
        if let Some((found, peers)) = &mut *foreign
            && found.elapsed() < FRESH
            && peers.remove(&peer)
        {
            return true;
        }
        let Some(peers) = (self.limits.peers)(here, peer) else { return false };
        let is_own = peers.get(&peer) == Some(&true);
        let others = peers.into_iter().filter(|(other, is_own)| !is_own && *other != peer).map(|(other, _)| other);
        *foreign = Some((Instant::now(), others.collect()));
        !is_own
    }
}

/// The activity of a connection; clones share it.
#[derive(Clone)]
pub(super) struct Activity {
    state: watch::Sender<State>,
    first_request: Duration,
    idle: Option<Duration>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Active requests.
    under_way: usize,
    /// True after the first request.
    begun: bool,
}

/// An active request.
pub(super) struct UnderWay(watch::Sender<State>);

impl Activity {
    fn new(limits: &Limits) -> Self {
        Activity { state: watch::Sender::new(State::default()), first_request: limits.first_request, idle: limits.idle }
    }

    /// Marks a request as active until the returned guard is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.state.send_modify(|state| {
            state.under_way += 1;
            state.begun = true;
        });
        UnderWay(self.state.clone())
    }

    /// Returns once the connection has been idle for longer than its timeout.
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
            // The other error cannot occur: `self` holds the sender.
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
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpSocket;

    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    /// A gate, and a way to connect to it as its owner or as another user.
    struct Bench {
        gate: Gate,
        address: SocketAddr,
        /// All peers.
        peers: Arc<Mutex<Peers>>,
        lookups: Arc<AtomicUsize>,
    }

    impl Bench {
        async fn new(connections: usize, foreign: usize) -> Bench {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let (peers, lookups) = (Arc::<Mutex<Peers>>::default(), Arc::<AtomicUsize>::default());
            let (known, count) = (Arc::clone(&peers), Arc::clone(&lookups));
            let find = move |here, _| {
                assert_eq!(here, address);
                count.fetch_add(1, Ordering::Relaxed);
                Some(known.lock().clone())
            };
            let limits = Limits { connections, foreign, peers: Arc::new(find), ..Limits::default() };
            Bench { gate: Gate::new(listener, limits), address, peers, lookups }
        }

        async fn connect(&self, is_foreign: bool) -> TcpStream {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            self.peers.lock().insert(socket.local_addr().unwrap(), !is_foreign);
            socket.connect(self.address).await.unwrap()
        }
    }

    #[tokio::test]
    async fn connection_limit_drops_other_users_and_keeps_the_owner() {
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
        assert!(bench.peers.lock()[&ports[3]], "the owner comes in");
        for stream in &mut others[3..] {
            assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "dropped");
        }
        // Another user may take a permit that another user released.
        taken.remove(0);
        taken.remove(0);
        let again = bench.connect(true).await;
        let next = bench.gate.next().await.unwrap();
        assert_eq!(next.stream.peer_addr().unwrap(), again.local_addr().unwrap());
    }

    #[tokio::test]
    async fn connections_of_other_users_are_dropped_by_few_lookups() {
        let bench = Bench::new(10, 0).await;
        let mut waiting = Vec::new();
        for _ in 0..40 {
            waiting.push(bench.connect(true).await);
        }
        let owner = bench.connect(false).await;
        for _ in 0..40 {
            waiting.push(bench.connect(true).await);
        }
        let taken = bench.gate.next().await.unwrap();
        assert_eq!(taken.stream.peer_addr().unwrap(), owner.local_addr().unwrap());
        let next = bench.connect(false).await;
        let taken = bench.gate.next().await.unwrap();
        assert_eq!(taken.stream.peer_addr().unwrap(), next.local_addr().unwrap());
        let lookups = bench.lookups.load(Ordering::Relaxed);
        assert!(lookups <= 4, "{lookups} lookups for 82 connections");
    }

    #[tokio::test]
    async fn connection_limit_next_waits_for_a_permit() {
        let bench = Bench::new(2, 0).await;
        let _clients = [bench.connect(false).await, bench.connect(false).await, bench.connect(false).await];
        let (first, _second) = (bench.gate.next().await.unwrap(), bench.gate.next().await.unwrap());
        let mut third = std::pin::pin!(bench.gate.next());
        assert!(futures::poll!(third.as_mut()).is_pending());
        drop(first);
        timeout(SOON, third).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn idle_timeout_counts_from_last_request_and_waits_for_active_ones() {
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

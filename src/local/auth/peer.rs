//! Identifies the peers of loopback connections.
//!
//! The Runtime API hands out events and accepts responses, so no other user of the machine may connect.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// The peers of a listener: whether each one belongs to the user that runs this process.
pub(crate) type Peers = HashMap<SocketAddr, bool>;

/// Finds the peer `wanted` of an address, also while it waits to be accepted. Where the system only lists all sockets, the
/// result has all peers of IPv4, and those of IPv6 if `wanted` is not among them.
///
/// Linux knows the owner of every socket. Elsewhere (macOS) the result is `None` and every local peer is accepted, so that
/// another user of the machine can take a function's events there (docs/local-cloud.md, Who is kept out).
pub(crate) fn find(here: SocketAddr, wanted: SocketAddr) -> Option<Peers> {
    #[cfg(target_os = "linux")]
    if let (SocketAddr::V4(here), SocketAddr::V4(peer)) = (here, wanted)
        && let Ok(owner) = super::socket_owner::socket_owner(peer, here)
    {
        return Some(owner.map(|owner| owned((peer, owner))).into_iter().collect());
    }
    listed(here, wanted)
}

fn owned((peer, owner): (SocketAddrV4, u32)) -> (SocketAddr, bool) {
    (peer.into(), owner == rustix::process::getuid().as_raw())
}

/// Reads the peers from the lists of all sockets.
fn listed(here: SocketAddr, wanted: SocketAddr) -> Option<Peers> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let SocketAddr::V4(here) = here else { return Some(Peers::new()) };
    let mut peers: Peers = owners(&table, here, "").map(owned).collect();
    // Each table costs the kernel a walk through all its sockets: milliseconds on a large machine.
    if !peers.contains_key(&wanted) {
        let six = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
        peers.extend(owners(&six, here, "0000000000000000FFFF0000").map(owned));
    }
    Some(peers)
}

/// Returns the sockets connected to `here` with their user IDs, from a table in the format of `/proc/net/tcp`.
fn owners(table: &str, here: SocketAddrV4, prefix: &str) -> impl Iterator<Item = (SocketAddrV4, u32)> {
    let here = written(here, prefix);
    table.lines().filter_map(move |line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let (peer, remote) = (columns.next()?, columns.next()?);
        if remote != here {
            return None;
        }
        Some((read(peer.strip_prefix(prefix)?)?, columns.nth(4)?.parse().ok()?))
    })
}

/// Formats an address as the kernel does: the 32 bits as one number of the machine's byte order, in hex.
fn written(address: SocketAddrV4, prefix: &str) -> String {
    format!("{prefix}{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

/// Parses an address as the kernel writes it.
fn read(text: &str) -> Option<SocketAddrV4> {
    let (ip, port) = text.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn peers_of_this_process_are_its_own_even_before_they_are_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let clients = [TcpStream::connect(here).unwrap(), TcpStream::connect(here).unwrap()];
        let [first, second] = clients.map(|client| (client.local_addr().unwrap(), client));
        // An earlier listener of the same port may have left others.
        let peers = listed(here, first.0).unwrap();
        assert!(peers[&first.0] && peers[&second.0]);
        assert_eq!(find(here, second.0).unwrap(), Peers::from([(second.0, true)]));
    }

    #[test]
    fn peer_that_connects_from_ipv6_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let Ok(client) = TcpStream::connect(format!("[::ffff:127.0.0.1]:{}", here.port())) else {
            panic!("the machine has no IPv6");
        };
        let (accepted, peer) = listener.accept().unwrap();
        for lookup in [find, listed] {
            assert!(lookup(here, peer).unwrap()[&peer], "{client:?} {accepted:?}");
        }
    }

    #[test]
    fn peer_owner_is_read_from_the_peers_line() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2329 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n\
            1: 0100007F:C350 0100007F:2329 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0\n";
        let address = |port| format!("127.0.0.1:{port}").parse::<SocketAddrV4>().unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!(owners(table, address(9001), "").collect::<Vec<_>>(), [(address(50000), 1001)]);
            assert_eq!(owners(table, address(9002), "").count(), 0);
        }
        assert_eq!(read(&written(address(50000), "")), Some(address(50000)));
    }
}

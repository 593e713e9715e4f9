//! Identifies the peer of a loopback connection.
//!
//! The Runtime API hands out events and accepts responses, so no other user of the machine may connect.

use std::fs;
use std::net::{SocketAddr, SocketAddrV4};

/// Returns whether the peer's socket belongs to the user that runs this process.
///
/// Linux lists the owner of every socket. Without such a list (macOS) every local peer is accepted, so that another
/// user of the machine can take a function's events there (docs/local-cloud.md, Who is kept out).
pub(crate) fn is_own(peer: SocketAddr, here: SocketAddr) -> bool {
    let own = rustix::process::getuid().as_raw();
    let Ok(table) = fs::read_to_string("/proc/net/tcp") else { return true };
    let six = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let (SocketAddr::V4(peer), SocketAddr::V4(here)) = (peer, here) else { return false };
    owner(&table, peer, here, "").or_else(|| owner(&six, peer, here, "0000000000000000FFFF0000")) == Some(own)
}

/// Returns the user ID of the socket from `peer` to `here`, from a table in the format of `/proc/net/tcp`.
fn owner(table: &str, peer: SocketAddrV4, here: SocketAddrV4, prefix: &str) -> Option<u32> {
    let (peer, here) = (written(peer, prefix), written(here, prefix));
    table.lines().find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let is_it = columns.next()? == peer && columns.next()? == here;
        if is_it { columns.nth(4)?.parse().ok() } else { None }
    })
}

/// Formats an address as the kernel does: the 32 bits as one number of the machine's byte order, in hex.
fn written(address: SocketAddrV4, prefix: &str) -> String {
    format!("{prefix}{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn peer_connection_of_this_process_is_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        assert!(is_own(peer, stream.local_addr().unwrap()));
    }

    #[test]
    fn peer_owner_is_read_from_the_peers_line() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2329 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n\
            1: 0100007F:C350 0100007F:2329 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0\n";
        let address = |port| format!("127.0.0.1:{port}").parse::<SocketAddrV4>().unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!(owner(table, address(50000), address(9001), ""), Some(1001));
            assert_eq!(owner(table, address(50001), address(9001), ""), None);
        }
    }
}

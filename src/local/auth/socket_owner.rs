//! Asks the kernel for the owner of one TCP socket: `NETLINK_SOCK_DIAG`, Linux 3.3. It takes microseconds, where
//! `/proc/net/tcp` lists all sockets of the machine.
//!
//! Layouts: `linux/netlink.h` and `linux/inet_diag.h`. Ports and addresses are in network order, all else in the machine's.

use std::io;
use std::net::SocketAddrV4;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

/// `SOCK_DIAG_BY_FAMILY`, the type of a question and of its answer.
const BY_FAMILY: u16 = 20;
/// `NLMSG_ERROR`: the answer is a negative error number.
const ERROR: u16 = 2;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `AF_INET`. Finds sockets of IPv6 with mapped addresses as well.
const INET: u8 = 2;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// Length of a question: `nlmsghdr` and `inet_diag_req_v2`.
const QUESTION: u32 = 16 + 56;
/// The ports of an answer.
const PORTS: std::ops::Range<usize> = 20..24;
/// The user ID of an answer.
const USER: std::ops::Range<usize> = 80..84;

/// Returns the user ID of the owner of the socket with these two addresses, or `None` where no socket has them.
///
/// # Errors
/// If the system does not answer such questions: a sandbox without netlink, a kernel without `INET_DIAG`.
pub(super) fn socket_owner(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<u32>> {
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    send(&kernel, &question(local, remote), SendFlags::empty())?;
    let mut answer = [0; 1024];
    // The kernel answers before `send` returns.
    let (length, _) = recv(&kernel, &mut answer, RecvFlags::DONTWAIT)?;
    read(&answer[..length], local, remote)
}

fn question(local: SocketAddrV4, remote: SocketAddrV4) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(QUESTION.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    // The number of the question, and the sender, which the kernel knows.
    bytes.extend([0; 8]);
    bytes.extend([INET, TCP, 0, 0]);
    let all_states = u32::MAX;
    bytes.extend(all_states.to_ne_bytes());
    bytes.extend(ports(local, remote));
    for address in [local, remote] {
        bytes.extend(address.ip().octets());
        bytes.extend([0; 12]);
    }
    let any_interface = 0_u32;
    bytes.extend(any_interface.to_ne_bytes());
    let any_cookie = u64::MAX;
    bytes.extend(any_cookie.to_ne_bytes());
    bytes
}

fn ports(local: SocketAddrV4, remote: SocketAddrV4) -> [u8; 4] {
    let ([a, b], [c, d]) = (local.port().to_be_bytes(), remote.port().to_be_bytes());
    [a, b, c, d]
}

fn read(answer: &[u8], local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<u32>> {
    let short = || io::Error::other("the answer about a socket is too short");
    let number = |place| answer.get(place).and_then(|it: &[u8]| it.try_into().ok()).map(u32::from_ne_bytes);
    let kind = answer.get(4..6).and_then(|it| it.try_into().ok()).map(u16::from_ne_bytes);
    match kind {
        Some(BY_FAMILY) if answer.get(PORTS).ok_or_else(short)? == ports(local, remote) => {
            Ok(Some(number(USER).ok_or_else(short)?))
        }
        // Without a connection, a listener on its port is the answer.
        Some(BY_FAMILY) => Ok(None),
        Some(ERROR) => {
            let error = io::Error::from_raw_os_error(number(16..20).ok_or_else(short)?.cast_signed().wrapping_neg());
            if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
        }
        _ => Err(io::Error::other("the answer about a socket has another type")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;

    fn v4(address: io::Result<SocketAddr>) -> SocketAddrV4 {
        match address.unwrap() {
            SocketAddr::V4(address) => address,
            SocketAddr::V6(address) => panic!("{address} is no address of IPv4"),
        }
    }

    #[test]
    fn socket_owner_is_that_of_the_connected_side_even_before_it_is_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (here, peer) = (v4(listener.local_addr()), v4(client.local_addr()));
        assert_eq!(question(peer, here).len(), QUESTION as usize);
        assert_eq!(socket_owner(peer, here).unwrap(), Some(rustix::process::getuid().as_raw()));
        let (accepted, _) = listener.accept().unwrap();
        drop((client, accepted, listener));
        let nobody = SocketAddrV4::new(*here.ip(), 1);
        assert_eq!(socket_owner(nobody, here).unwrap(), None);
    }

    #[test]
    fn socket_owner_of_a_listener_is_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(socket_owner(v4(other.local_addr()), v4(listener.local_addr())).unwrap(), None);
    }

    #[test]
    fn answer_of_the_kernel_is_read_by_its_layout() {
        let [local, remote] = ["127.0.0.1:50000", "127.0.0.1:9001"].map(|it| it.parse::<SocketAddrV4>().unwrap());
        let mut answer = vec![0; 124];
        answer[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        answer[PORTS].copy_from_slice(&[0xC3, 0x50, 0x23, 0x29]);
        answer[USER].copy_from_slice(&1001_u32.to_ne_bytes());
        assert_eq!(read(&answer, local, remote).unwrap(), Some(1001));
        assert_eq!(read(&answer, remote, local).unwrap(), None, "another connection");
        assert!(read(&answer[..82], local, remote).is_err());
        assert!(read(&[], local, remote).is_err());
        let error = |number: i32| {
            let mut answer = vec![0; 36];
            answer[4..6].copy_from_slice(&ERROR.to_ne_bytes());
            answer[16..20].copy_from_slice(&number.to_ne_bytes());
            read(&answer, local, remote)
        };
        let [absent, refused] = [rustix::io::Errno::NOENT, rustix::io::Errno::PERM].map(|it| -it.raw_os_error());
        assert_eq!(error(absent).unwrap(), None);
        assert_eq!(error(refused).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}

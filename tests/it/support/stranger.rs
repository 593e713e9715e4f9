//! Calls to a local cloud that no sensorctl makes: other people's resources, other people's keys.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Home;

/// Someone else who knows where the local cloud is.
#[derive(Clone)]
pub struct Stranger {
    address: String,
    key: String,
    header: String,
}

impl Stranger {
    /// One who has the key.
    pub fn of(home: &Home) -> Self {
        let about = home.endpoint();
        let text = |name: &str| about[name].as_str().unwrap().to_owned();
        Stranger {
            address: text("endpoint").replace("http://", ""),
            key: text("access_key_id"),
            header: "X-Nothing: 1".to_owned(),
        }
    }

    pub fn with_key(&self, key: &str) -> Self {
        Stranger { key: key.to_owned(), ..self.clone() }
    }

    pub fn with_header(&self, header: &str) -> Self {
        Stranger { header: header.to_owned(), ..self.clone() }
    }

    /// Status and body of a JSON 1.1 call.
    pub fn call(&self, target: &str, body: &str) -> (u16, String) {
        let Stranger { address, key, header } = self;
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\n{header}\r\nX-Amz-Target: {target}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/kinesis/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    pub fn describe(&self, stream: &str) -> String {
        self.call("Kinesis_20131202.DescribeStream", &format!("{{\"StreamName\":\"{stream}\"}}")).1
    }
}

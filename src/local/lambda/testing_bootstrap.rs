// A function for the tests, with nothing but the standard library; what it does is in the variable MODE.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::exit;
use std::time::Duration;

fn main() {
    let mode = std::env::var("MODE").unwrap_or_default();
    match mode.as_str() {
        "init-exit" => exit(7),
        "init-error" => {
            ask("POST", "init/error", r#"{"errorType":"Init.Broken","errorMessage":"no table"}"#);
            exit(1);
        }
        "init-sleep" => std::thread::sleep(Duration::from_secs(600)),
        _ => {}
    }
    loop {
        let (head, event) = ask("GET", "invocation/next", "");
        let id = header(&head, "lambda-runtime-aws-request-id");
        let deadline = header(&head, "lambda-runtime-deadline-ms");
        let answer = match mode.as_str() {
            "echo" => {
                println!("hello from stdout");
                eprint!("and from stderr");
                event
            }
            "headers" => format!("{head:?}"),
            "environment" => format!("{:?}", std::env::vars().map(|(name, _)| name).collect::<Vec<_>>()),
            "variable" => format!("{:?}", std::env::var(event.trim_matches('"')).unwrap_or_default()),
            "credentials" => format!("{:?}", std::env::var("AWS_ACCESS_KEY_ID").unwrap()),
            "pid" => std::process::id().to_string(),
            "exit" => exit(3),
            "sleep" => {
                std::thread::sleep(Duration::from_secs(600));
                deadline
            }
            "short-sleep" => {
                std::thread::sleep(Duration::from_millis(400));
                event
            }
            "memory" => {
                let mut blocks = Vec::new();
                for _ in 0..100 {
                    blocks.push(vec![1_u8; 10 << 20]);
                    std::thread::sleep(Duration::from_millis(10));
                }
                blocks.len().to_string()
            }
            "large" => format!("\"{}\"", "x".repeat(6_300_000)),
            "fail" => {
                let error = r#"{"errorType":"Fn.Bad","errorMessage":"I cannot","stackTrace":[]}"#;
                ask("POST", &format!("invocation/{id}/error"), error);
                continue;
            }
            "consume" => consume(&event),
            other => panic!("no mode {other}"),
        };
        ask("POST", &format!("invocation/{id}/response"), &answer);
    }
}

/// Writes down each record's sequence number. A record with the data `bad` fails while the file OUT.bad is there.
fn consume(event: &str) -> String {
    let out = std::env::var("OUT").unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&out).unwrap();
    for record in event.split("\"sequenceNumber\":\"").skip(1) {
        let number = record.split('"').next().unwrap();
        let data = record.split("\"data\":\"").nth(1).unwrap().split('"').next().unwrap();
        if data == "YmFk" && Path::new(&format!("{out}.bad")).exists() {
            return format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{number}"}}]}}"#);
        }
        if data == "cG9pc29u" {
            eprintln!("poison");
            exit(9);
        }
        file.write_all(format!("{number}\n").as_bytes()).unwrap();
    }
    r#"{"batchItemFailures":[]}"#.to_owned()
}

fn header(head: &str, name: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    line.map(|line| line.split_once(':').unwrap().1.trim().to_owned()).unwrap_or_default()
}

fn ask(method: &str, path: &str, body: &str) -> (String, String) {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let Ok(mut stream) = TcpStream::connect(&api) else { exit(100) };
    let length = body.len();
    let head = format!("{method} /2018-06-01/runtime/{path} HTTP/1.0\r\nhost: {api}\r\ncontent-length: {length}\r\n\r\n");
    // A server that has heard enough answers before it has read all.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) => (head.to_owned(), body.to_owned()),
        None if path == "invocation/next" => exit(101),
        None => Default::default(),
    }
}

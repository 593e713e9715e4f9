// The test function, written with the standard library only; the variable MODE selects its behavior.
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
        "init-sleep" => {
            std::fs::write(format!("{}.asleep", std::env::var("OUT").unwrap()), "").unwrap();
            std::thread::sleep(Duration::from_secs(600));
        }
        "init-memory" => fill_memory(),
        "init-exit-once" if is_first_start() => exit(7),
        "init-sleep-once" if is_first_start() => std::thread::sleep(Duration::from_secs(600)),
        _ => {}
    }
    loop {
        let (head, event) = ask("GET", "invocation/next", "");
        let id = header(&head, "lambda-runtime-aws-request-id");
        let deadline = header(&head, "lambda-runtime-deadline-ms");
        let answer = match mode.as_str() {
            "init-exit-once" | "init-sleep-once" => event,
            "echo" => {
                println!("hello from stdout");
                eprint!("and from stderr");
                event
            }
            "headers" => format!("{head:?}"),
            "environment" => format!("{:?}", std::env::vars().map(|(name, _)| name).collect::<Vec<_>>()),
            "variable" => format!("{:?}", std::env::var(event.trim_matches('"')).unwrap_or_default()),
            "pid" => std::process::id().to_string(),
            "limits" => format!("{:?}", limits()),
            "daemon" | "daemon-sleep" | "stray" | "stray-group" if !is_there("daemon") => {
                daemonize(&mode);
                while !is_there("daemon") {
                    std::thread::sleep(Duration::from_millis(1));
                }
                if mode == "daemon-sleep" {
                    std::thread::sleep(Duration::from_secs(600));
                }
                event
            }
            "daemon" | "stray" | "stray-group" => event,
            "daemon-memory" => {
                daemonize(&mode);
                std::thread::sleep(Duration::from_secs(600));
                event
            }
            "exit" => exit(3),
            "sleep" => {
                std::thread::sleep(Duration::from_secs(600));
                deadline
            }
            "memory" => fill_memory(),
            "temporary-files" => temporary_files(),
            "answer-twice" => {
                let status = |id: &str, body: &str| {
                    let head = ask("POST", &format!("invocation/{id}/response"), body).0;
                    head.split(' ').nth(1).unwrap().to_owned()
                };
                let statuses = [status("another", "1"), status(&id, &event), status(&id, "2")];
                std::fs::write(std::env::var("OUT").unwrap(), statuses.join(" ")).unwrap();
                continue;
            }
            "large" => format!("\"{}\"", "x".repeat(6_300_000)),
            "fail" => {
                let error = r#"{"errorType":"Fn.Bad","errorMessage":"I cannot","stackTrace":[]}"#;
                ask("POST", &format!("invocation/{id}/error"), error);
                continue;
            }
            "consume" => match consume(&event) {
                Ok(answer) => answer,
                Err(error) => {
                    ask("POST", &format!("invocation/{id}/error"), &error);
                    continue;
                }
            },
            other => panic!("no mode {other}"),
        };
        ask("POST", &format!("invocation/{id}/response"), &answer);
    }
}

unsafe extern "C" {
    fn fork() -> i32;
    fn setsid() -> i32;
    fn setpgid(pid: i32, group: i32) -> i32;
}

/// Starts a process as daemons are started: outside the group, with a parent that ends at once.
///
/// Writes its ID to OUT.daemon.
fn daemonize(mode: &str) {
    // This process has no other thread, so its copy can do anything.
    unsafe {
        if fork() != 0 {
            return;
        }
        if mode == "stray-group" { setpgid(0, 0) } else { setsid() };
        if fork() != 0 {
            exit(0);
        }
    }
    let out = std::env::var("OUT").unwrap();
    let tell_id = || {
        std::fs::write(format!("{out}.fresh"), std::process::id().to_string()).unwrap();
        std::fs::rename(format!("{out}.fresh"), format!("{out}.daemon")).unwrap();
    };
    match mode {
        "daemon-memory" => fill_memory(),
        "daemon" | "daemon-sleep" => {
            tell_id();
            for tick in 0_u64.. {
                std::fs::write(format!("{out}.ticks"), tick.to_string()).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        _ => {
            use std::os::unix::process::CommandExt;
            tell_id();
            let error = std::process::Command::new("sleep").arg("600").env_clear().exec();
            panic!("{error}");
        }
    }
    exit(0);
}

/// Returns the limits of this process, and of one that it starts.
fn limits() -> String {
    let own = std::fs::read_to_string("/proc/self/status").unwrap() + &std::fs::read_to_string("/proc/self/limits").unwrap();
    let child = std::process::Command::new("cat").args(["/proc/self/status", "/proc/self/limits"]).output().unwrap();
    own + "\n--\n" + &String::from_utf8(child.stdout).unwrap()
}

/// Takes 300 MiB and keeps them until it is killed.
fn fill_memory() -> ! {
    let _blocks: Vec<Vec<u8>> = (0..30).map(|_| vec![1_u8; 10 << 20]).collect();
    loop {
        std::thread::sleep(Duration::from_secs(600));
    }
}

fn is_there(what: &str) -> bool {
    Path::new(&format!("{}.{what}", std::env::var("OUT").unwrap())).exists()
}

fn is_first_start() -> bool {
    let marker = format!("{}.started", std::env::var("OUT").unwrap());
    std::fs::OpenOptions::new().create_new(true).write(true).open(marker).is_ok()
}

/// Adds a file to the directory of temporary files; returns the directory and its number of files.
fn temporary_files() -> String {
    let folder = std::env::temp_dir();
    let count = || std::fs::read_dir(&folder).unwrap().count();
    std::fs::write(folder.join(format!("file-{}", count())), "x").unwrap();
    format!("[{:?},{}]", folder.to_str().unwrap(), count())
}

/// Writes each received event to OUT.batches, and the sequence number of each handled record to OUT.
///
/// Files beside OUT control it: while OUT.hold exists it waits; with OUT.fail it fails; with OUT.answer it handles
/// nothing and returns the file's content; with OUT.bad a record with the data `bad` fails.
fn consume(event: &str) -> Result<String, String> {
    let out = std::env::var("OUT").unwrap();
    let append = |path: &str, text: &str| {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let field = |record: &str, name: &str| {
        record.split(&format!("\"{name}\":\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let records: Vec<(String, String)> = event
        .split("\"kinesis\":")
        .skip(1)
        .map(|record| (field(record, "sequenceNumber"), field(record, "data")))
        .collect();
    let numbers: Vec<&str> = records.iter().map(|(number, _)| number.as_str()).collect();
    append(&format!("{out}.batches"), &format!("{} {}\n", event.len(), numbers.join(" ")));
    while is_there("hold") {
        std::thread::sleep(Duration::from_millis(2));
    }
    if is_there("fail") {
        return Err(r#"{"errorType":"Fn.Bad","errorMessage":"I was told to"}"#.to_owned());
    }
    if is_there("answer") {
        return Ok(std::fs::read_to_string(format!("{out}.answer")).unwrap());
    }
    for (number, data) in &records {
        if data == "YmFk" && is_there("bad") {
            return Ok(format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{number}"}}]}}"#));
        }
        if data == "cG9pc29u" {
            eprintln!("poison");
            exit(9);
        }
        append(&out, &format!("{number}\n"));
    }
    Ok(r#"{"batchItemFailures":[]}"#.to_owned())
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
    // A server may respond before it has read everything.
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

//! Tests of the process lock on a data directory, from start to shutdown.

use std::fs::OpenOptions;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use super::start;
use crate::data_dir::{DataDir, EndpointFile};
use crate::{GRACE_PERIOD, LocalCloud, LocalOptions};

#[tokio::test]
async fn data_directory_second_owner_is_rejected_until_the_first_shuts_down() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = start(dir.path()).await;
    let announced = EndpointFile::read(dir.path()).unwrap().unwrap();
    assert_eq!((announced.endpoint.as_str(), announced.pid), (cloud.endpoint(), std::process::id()));
    let options = LocalOptions { data_dir: dir.path().to_owned(), port: 0, ..LocalOptions::default() };
    let Err(error) = LocalCloud::start(options.clone()).await else { panic!("two owners") };
    assert!(error.to_string().contains("already uses the data directory"), "{error}");
    let key = cloud.connection_info().access_key.key_id;
    cloud.shutdown().await.unwrap();
    assert!(EndpointFile::read(dir.path()).unwrap().is_none());
    let again = LocalCloud::start(options).await.unwrap();
    assert_eq!(again.connection_info().access_key.key_id, key);
    again.shutdown().await.unwrap();
}

#[tokio::test]
async fn start_with_port_in_use_fails_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = LocalOptions { data_dir: dir.path().to_owned(), port, ..LocalOptions::default() };
    let Err(error) = LocalCloud::start(options).await else { panic!("two listeners") };
    assert!(error.hints()[0].contains("--port"), "{error:?}");
}

#[tokio::test]
async fn shutdown_keeps_the_directory_locked_until_active_reads_end() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let work = cloud.work.clone();
    clients.logs.create_log_group().log_group_name("g").send().await.unwrap();
    // Opening a pipe for reading blocks until a writer opens it.
    let [first, second] = ["a", "b"].map(|stream| dir.path().join(format!("logs/g/{stream}.ndjson")));
    std::fs::create_dir_all(first.parent().unwrap()).unwrap();
    for (stream, pipe) in [("a", &first), ("b", &second)] {
        clients.logs.create_log_stream().log_group_name("g").log_stream_name(stream).send().await.unwrap();
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let reading = tokio::spawn(clients.logs.filter_log_events().log_group_name("g").send());
    let write = |pipe| tokio::task::spawn_blocking(move || OpenOptions::new().write(true).open(pipe).unwrap());
    // The request has opened the first pipe, and continues with the second.
    let first = write(first).await.unwrap();
    // The reader is a blocking task: while it runs, the paused clock advances only by explicit calls.
    tokio::time::pause();
    let began = Instant::now();
    let shutdown = tokio::spawn(cloud.shutdown());
    // Connections are aborted, and active work is awaited.
    while !work.is_closed() {
        tokio::time::advance(Duration::from_millis(100)).await;
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await.unwrap();
    }
    assert!(began.elapsed() >= GRACE_PERIOD, "{:?}", began.elapsed());
    assert_eq!((work.len(), shutdown.is_finished()), (1, false), "a request still reads a file");
    assert!(DataDir::open(dir.path()).is_err());
    tokio::time::resume();
    let second = write(second).await.unwrap();
    shutdown.await.unwrap().unwrap();
    DataDir::open(dir.path()).unwrap();
    drop((first, second, reading));
}

//! Tests of file permissions: the data directory is private to its owner.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::types::PointInTimeRecoverySpecification;
use aws_sdk_kinesis::primitives::Blob;

use super::start;
use super::tables::create_table;

fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut open = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.metadata().unwrap().permissions().mode() & 0o077 != 0 {
            open.push(entry.path());
        }
        if entry.file_type().unwrap().is_dir() {
            open.extend(open_to_others(&entry.path()));
        }
    }
    open
}

#[tokio::test(flavor = "multi_thread")]
async fn data_directory_every_file_is_private_even_if_open_before() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    create_table(&clients).await;
    let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    let backups = clients.dynamodb.update_continuous_backups().table_name("SensorData");
    backups.point_in_time_recovery_specification(recovery).send().await.unwrap();
    clients.kinesis.create_stream().stream_name("s").shard_count(1).send().await.unwrap();
    let put = || clients.kinesis.put_record().stream_name("s").partition_key("k").data(Blob::new("x")).send();
    while put().await.is_err() {
        tokio::task::yield_now().await;
    }
    clients.logs.create_log_group().log_group_name("g").send().await.unwrap();
    cloud.shutdown().await.unwrap();
    assert_eq!(open_to_others(dir.path()), Vec::<PathBuf>::new());

    // The permissions of an older version.
    let database = dir.path().join("dynamodb.sqlite");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    let (cloud, clients) = start(dir.path()).await;
    clients.dynamodb.delete_table().table_name("SensorData").send().await.unwrap();
    assert!(fs::metadata(dir.path().join("dynamodb.sqlite-wal")).is_ok());
    assert_eq!(open_to_others(dir.path()), Vec::<PathBuf>::new());
    cloud.shutdown().await.unwrap();
}

//! Checkpoints in files: refusals, locks and crashes.

use super::*;
use crate::pipeline::input::item_position::ItemPosition;

fn position(items: u64) -> ItemPosition {
    ItemPosition { items, rejected: 1, line: items + 1, checksum: 7 }
}

fn part(settled: u64, stable: u64) -> SettledInput {
    SettledInput { settled: position(settled), stable: position(stable) }
}

/// A folder with input files and a checkpoint.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Scene(tempfile::tempdir().unwrap());
        scene.write("a", "one\ntwo");
        scene.write("b", "three\n");
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn resume(&self, names: &[&str], options: &[&str], stream: &str) -> Result<PutCheckpoint, Error> {
        let paths: Vec<_> = names.iter().map(|name| self.path(name)).collect();
        CheckpointFile::open(&self.path("c"))?.resume(CheckpointedPut {
            files: paths.iter().map(|path| (path.as_path(), FileIdentity::of(path).unwrap())).collect(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            target: PutTarget { stream: stream.to_owned(), ..PutTarget::default() },
        })
    }

    fn settled(&self, names: &[&str]) -> Vec<u64> {
        let resumed = self.resume(names, &[], "s").unwrap();
        resumed.settled.iter().map(|part| part.settled.items).collect()
    }

    fn refusal(&self, names: &[&str], options: &[&str], stream: &str) -> String {
        let before = fs::read(self.path("c")).unwrap();
        let error = self.resume(names, options, stream).err().unwrap();
        assert_eq!(error.kind(), crate::error::ErrorKind::Usage, "{error}");
        assert!(error.hints()[0].contains("`rm "), "{:?}", error.hints());
        assert_eq!(fs::read(self.path("c")).unwrap(), before, "it stays as it was");
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn checkpoint_file_continues_with_the_same_put_and_takes_further_files() {
    let scene = Scene::new();
    let begun = scene.resume(&["a", "b"], &[], "s").unwrap();
    assert_eq!(begun.settled, [SettledInput::default(); 2]);
    begun.store.save(&[part(5, 4), part(2, 2)]).unwrap();
    drop(begun);
    assert_eq!(scene.settled(&["a", "b"]), [5, 2]);
    assert_eq!(scene.settled(&["b", "a"]), [2, 5], "in another order");
    scene.write("d", "four\n");
    assert_eq!(scene.settled(&["a", "d", "b"]), [5, 0, 2]);
    scene.write("a", "one\ntwo and more\n");
    assert_eq!(scene.settled(&["a", "b", "d"]), [4, 2, 0], "what depended on the end of a grown file is put again");
    assert_eq!(scene.settled(&["a", "b", "d"]), [4, 2, 0]);
    let left = fs::read_dir(scene.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.filter(|name| name.to_string_lossy().starts_with('.')).count(), 0, "no temporary file is left");
}

#[test]
fn checkpoint_file_of_another_put_is_refused_and_kept() {
    let scene = Scene::new();
    scene.resume(&["a", "b"], &["--coerce"], "s").unwrap().store.save(&[part(5, 4), part(2, 2)]).unwrap();
    assert_eq!(scene.refusal(&["a", "b"], &["--coerce"], "t"), "checkpoint c is for stream s, not t");
    assert_eq!(
        scene.refusal(&["a", "b"], &[], "s"),
        "checkpoint c was made with `--coerce`, which this run does not have"
    );
    let missing = scene.refusal(&["a"], &["--coerce"], "s");
    assert_eq!(missing, "checkpoint c is also of b, which this run does not name");
    scene.write("a", "one\n");
    let shorter = scene.refusal(&["a", "b"], &["--coerce"], "s");
    assert_eq!(shorter, "checkpoint c is of another file: a has 4 bytes, and had 7");
    scene.write("a", "One\ntwo\nthree");
    let other = scene.refusal(&["a", "b"], &["--coerce"], "s");
    assert_eq!(other, "checkpoint c is of another file: a does not begin as it did");
}

#[test]
fn checkpoint_file_is_locked_for_one_process_also_after_it_was_replaced() {
    let scene = Scene::new();
    let first = scene.resume(&["a"], &[], "s").unwrap();
    for _ in 0..3 {
        let error = CheckpointFile::open(&scene.path("c")).err().unwrap();
        assert!(error.to_string().starts_with("another `put` uses checkpoint"), "{error}");
        first.store.save(&[part(1, 1)]).unwrap();
    }
    drop(first);
    assert_eq!(scene.settled(&["a"]), [1]);
}

#[test]
fn checkpoint_file_that_is_something_else_is_not_overwritten() {
    let scene = Scene::new();
    for (content, reason) in [
        ("{\"sensor_id\":\"a\"}\n", "not a checkpoint of `put`, and would be overwritten"),
        ("{\"version\":2}", "a checkpoint of another version (2)"),
        ("{\"version\":1,\"files\":[]}", "not a checkpoint of `put`: missing field"),
        ("{\"version\":1,", "not a checkpoint of `put`"),
    ] {
        scene.write("c", content);
        let error = CheckpointFile::open(&scene.path("c")).err().unwrap();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(fs::read_to_string(scene.path("c")).unwrap(), content);
    }
    let error = CheckpointFile::open(&scene.path("no/c")).err().unwrap();
    assert!(error.to_string().starts_with("could not open checkpoint"), "{error}");
    assert!(CheckpointFile::open(scene.0.path()).is_err());
}

#[test]
fn checkpoint_file_that_was_created_for_nothing_is_deleted() {
    let scene = Scene::new();
    assert!(!CheckpointFile::open(&scene.path("c")).unwrap().is_begun());
    assert!(!scene.path("c").exists());
    scene.write("c", "");
    drop(CheckpointFile::open(&scene.path("c")).unwrap());
    assert!(scene.path("c").exists(), "it was there");
}

#[test]
fn checkpoint_file_behind_a_link_is_replaced_where_it_is() {
    let scene = Scene::new();
    scene.write("target", "");
    std::os::unix::fs::symlink(scene.path("target"), scene.path("c")).unwrap();
    scene.resume(&["a"], &[], "s").unwrap().store.save(&[part(3, 3)]).unwrap();
    assert!(fs::symlink_metadata(scene.path("c")).unwrap().is_symlink());
    assert_eq!(scene.settled(&["a"]), [3]);
}

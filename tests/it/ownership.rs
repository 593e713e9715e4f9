//! `down` in an account with other people's things: every byte of them stays as it was.

use crate::support::{Home, Neighbour};

#[test]
fn down_leaves_everything_of_others_as_it_was() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::ending(&home, "theirs");
    somebody.makes_everything(&home);
    somebody.registers_consumer(&somebody.stream, "reader");
    home.run(["--stage", "blue", "up", "--local"]).succeeded();
    let blue = Neighbour { policy: "sensorctl".into(), ..Neighbour::ending(&home, "blue") };
    // Rows and records of others, beside the pipeline that comes and goes.
    let put = |stage: &'static [&'static str]| {
        let arguments = stage.iter().chain(&["put", "--local", "--sensor", "a", "--temp", "1", "--wait"]).copied();
        home.run(arguments).succeeded();
    };
    put(&["--stage", "blue"]);
    let before = [somebody.described(), blue.described()];

    home.run(["up", "--local"]).succeeded();
    put(&[]);
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!((&down["changed"], &down["remaining"]), (&7.into(), &serde_json::json!([])));
    assert_eq!([somebody.described(), blue.described()], before);
}

#[test]
fn down_leaves_what_others_made_under_our_names() {
    let home = Home::with_local_cloud();
    let somebody = Neighbour::with_our_names(&home);
    somebody.makes_everything(&home);
    let before = somebody.described();
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["changed"], 0, "{down}");
    home.run(["up", "--local"]).exited(1).says(&["not made by sensorctl"]);
    assert_eq!(somebody.described(), before);
}

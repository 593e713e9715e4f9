//! SIGKILL at any moment under load, again and again: what the local cloud acknowledged is there when it runs again.
//!
//! `SENSORCTL_KILLS=N` changes how often, `SENSORCTL_SEED=N` repeats the moments of an earlier run.

mod ledger;
mod load;

use std::fs::{File, OpenOptions};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use self::ledger::Ledger;
use crate::support::{Home, Stranger};

const KILLS: u32 = 50;
const PATIENCE: Duration = Duration::from_secs(60);

/// A local cloud as a process of this test.
struct Cloud {
    process: Child,
    owner: Stranger,
}

impl Cloud {
    /// Starts it and waits until it answers.
    fn start(home: &Home, durable: &str) -> Cloud {
        let log: File = OpenOptions::new().create(true).append(true).open(home.path("cloud.log")).unwrap();
        let arguments = ["local", "run", "--port", "0", "--durable", durable];
        let mut process = home.command(arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        // What an earlier process announced is still there.
        while home.announced().is_none_or(|about| about["pid"] != process.id()) {
            let said = || std::fs::read_to_string(home.path("cloud.log")).unwrap();
            assert!(process.try_wait().unwrap().is_none(), "it ended: {}", said());
            assert!(Instant::now() < deadline, "it does not answer: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        Cloud { process, owner: Stranger::of(home) }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("SENSORCTL_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap());
    let seed = number("SENSORCTL_SEED")
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    println!("SENSORCTL_SEED={seed}");
    let mut moments = StdRng::seed_from_u64(seed);

    let home = Home::new();
    let cloud = Cloud::start(&home, "process");
    home.run(["up", "--local", "--set", "stream.shards=2"]).succeeded();
    load::prepare(&cloud.owner);
    cloud.kill();
    let mut ledger = Ledger::default();
    for round in 0..kills {
        let cloud = Cloud::start(&home, if round % 5 == 4 { "full" } else { "process" });
        ledger.check(&cloud.owner);
        let moment = Duration::from_millis(moments.random_range(5..250));
        let loads = load::begin(&cloud.owner, round);
        std::thread::sleep(moment);
        cloud.kill();
        for load in loads {
            ledger.add(load.join().unwrap());
        }
        ledger.check_checkpoints(&home);
    }
    let cloud = Cloud::start(&home, "process");
    ledger.check(&cloud.owner);
    ledger.check_everything(&cloud.owner);
    ledger.check_pipeline(&home);
    println!("{ledger}");
    cloud.kill();
}

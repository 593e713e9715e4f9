//! SIGKILL at random moments under load: after a restart the local cloud has all acknowledged data.
//!
//! `SENSORCTL_KILLS=N` sets the number of kills, `SENSORCTL_SEED=N` repeats the moments of an earlier run.

mod ledger;
mod load;

use std::fs::{File, OpenOptions};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use self::ledger::Ledger;
use crate::support::{ApiClient, TestEnv, eventually};

const KILLS: u32 = 50;

/// A local cloud that runs as a child of this test.
struct CloudProcess {
    process: Child,
    api: ApiClient,
}

impl CloudProcess {
    /// Starts the process and waits until it accepts calls.
    fn start(env: &TestEnv, durable: &str) -> CloudProcess {
        CloudProcess::start_with(env, ["--durable", durable])
    }

    fn start_with(env: &TestEnv, flags: [&str; 2]) -> CloudProcess {
        let stderr: File = OpenOptions::new().create(true).append(true).open(env.path("cloud.log")).unwrap();
        let arguments = ["local", "run", "--port", "0"].into_iter().chain(flags);
        let mut process = env.command(arguments).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let log = || std::fs::read_to_string(env.path("cloud.log")).unwrap();
        let pid = process.id();
        let observe = || {
            assert!(process.try_wait().unwrap().is_none(), "it ended: {}", log());
            (env.endpoint_file(), log())
        };
        // The endpoint file of a killed process is still there.
        let is_new = |(endpoint, _): &(Option<Value>, String)| endpoint.as_ref().is_some_and(|it| it["pid"] == pid);
        eventually("the local cloud starts", observe, is_new);
        CloudProcess { process, api: ApiClient::new(env) }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn acknowledged_data_survives_sigkill_at_any_moment() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("SENSORCTL_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap());
    let seed = number("SENSORCTL_SEED")
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    println!("SENSORCTL_SEED={seed}");
    let mut moments = StdRng::seed_from_u64(seed);

    let env = TestEnv::new();
    let cloud = CloudProcess::start(&env, "process");
    env.run(["up", "--local", "--set", "stream.shards=2"]).assert_success();
    load::prepare(&cloud.api);
    cloud.kill();
    let mut ledger = Ledger::default();
    for round in 0..kills {
        let cloud = CloudProcess::start(&env, if round % 5 == 4 { "full" } else { "process" });
        ledger.check(&cloud.api);
        let moment = Duration::from_millis(moments.random_range(5..250));
        let loads = load::begin(&cloud.api, round);
        std::thread::sleep(moment);
        cloud.kill();
        for load in loads {
            ledger.add(load.join().unwrap());
        }
        ledger.check_checkpoints(&env);
    }
    let cloud = CloudProcess::start(&env, "process");
    ledger.check(&cloud.api);
    ledger.check_everything(&cloud.api);
    ledger.check_pipeline(&env);
    println!("{ledger}");
    cloud.kill();
}

#[test]
fn mapping_update_in_progress_at_sigkill_is_completed_after_restart() {
    let env = TestEnv::new();
    let timing = ["--timing", "aws/10"];
    let mut cloud = CloudProcess::start_with(&env, timing);
    env.run(["up", "--local"]).assert_success();
    let mapping = |cloud: &CloudProcess| cloud.api.event_source_mappings()[0].clone();
    for (change, end) in [
        (json!({"BatchSize": 7}), "Enabled"),
        (json!({"Enabled": false}), "Disabled"),
        (json!({"Enabled": true}), "Enabled"),
    ] {
        cloud.api.lambda(&format!("PUT {}", cloud.api.event_source_mapping_path()), &change);
        let state = mapping(&cloud)["State"].as_str().unwrap().to_owned();
        assert!(state.ends_with("ing"), "{change} is through already: {state}");
        cloud.kill();
        cloud = CloudProcess::start_with(&env, timing);
        let observed = eventually(&format!("{change} is through"), || mapping(&cloud), |it| it["State"] == end);
        assert_eq!(observed["BatchSize"], 7);
    }
    env.run(["put", "--local", "--sensor", "a", "--temp", "1", "--time", "1", "--wait"]).assert_success();
    cloud.kill();
}

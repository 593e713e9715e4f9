//! `-vv`: one line for each attempt of each AWS call.

use crate::support::{ApiClient, TestEnv};

#[test]
fn verbose_twice_prints_every_attempt_with_request_id_and_no_content() {
    let env = TestEnv::with_local_cloud();
    env.run(["up", "--local", "--yes"]).assert_success();
    let api = ApiClient::new(&env);
    api.set_faults("kinesis:PutRecord=throttle@#1");
    let put = ["put", "--local", "--sensor", "secret-cellar", "--temp", "12.345"];
    let run = env.run(put.into_iter().chain(["-vv"])).assert_success();
    let said = run.stderr.clone();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("Kinesis PutRecord")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with("Kinesis PutRecord attempt 1: 400 in "), "{said}");
    assert!(lines[1].starts_with("Kinesis PutRecord attempt 2: 200 in "), "{said}");
    let ids = lines.iter().map(|line| line.rsplit_once("request id ").unwrap().1);
    assert!(ids.clone().all(|id| id.len() == 36), "{said}");
    let calls = lines.iter().all(|line| !line.contains("secret-cellar") && !line.contains("12.345"));
    assert!(calls && !said.contains(env.endpoint()["secret_access_key"].as_str().unwrap()), "{said}");
    let once = env.run(put.into_iter().chain(["-v"])).assert_success();
    assert!(!once.stderr.contains("attempt"));
}

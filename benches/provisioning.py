#!/usr/bin/env python3
"""Compares `up`, `status` and `down` with the aws commands of the walkthrough and a boto3 script.

    benches/provisioning.py SENSORCTL [--timing]     needs `aws` and boto3 (.ci/requirements.txt)

All use the same kind of local cloud, a new one for each run. Figures are medians of RUNS whole processes; the aws
commands run once, because they take long. The aws commands create the resources of the walkthrough. boto3, in one
process, creates all resources of sensorctl. With --timing, each runs once in a local cloud with AWS latency (`local
start --timing aws`), compared with its critical path.
"""
import contextlib, json, os, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.realpath(__file__))
TEMPLATES = os.path.join(HERE, "..", "templates")
RUNS = 5
# From src/local/latency_profile.rs: role assumable, function active, event source mapping created and enabled.
CRITICAL_PATH = 8 + 3 + 10 + 10
STREAM, ROLE, FUNCTION, GROUP = (
    "temperature-sensor-data", "kinesis-lambda-dynamodb", "ProcessKinesisRecords", "/aws/lambda/ProcessKinesisRecords"
)
MANAGED = ["service-role/AWSLambdaKinesisExecutionRole", "AmazonDynamoDBFullAccess"]


@contextlib.contextmanager
def cloud(sensorctl, *options):
    """Starts a new local cloud. Yields the environment of its clients."""
    with tempfile.TemporaryDirectory() as home:
        plain = {"PATH": os.environ["PATH"], "HOME": home, "SENSORCTL_DATA_DIR": f"{home}/data", "AWS_PAGER": ""}
        subprocess.run([sensorctl, "-q", "local", "start", "--port", "0", *options], env=plain, check=True, capture_output=True)
        try:
            lines = subprocess.run([sensorctl, "local", "env"], env=plain, check=True, capture_output=True, text=True).stdout
            exports = (line[len("export "):].split("=", 1) for line in lines.splitlines() if line.startswith("export "))
            zip_file = f"{home}/function.zip"
            subprocess.run([sensorctl, "-q", "export", "function-zip", zip_file], env=plain, check=True)
            yield {**plain, **{name: value.strip("'") for name, value in exports}, "FUNCTION_ZIP": zip_file}
        finally:
            subprocess.run([sensorctl, "-q", "local", "stop"], env=plain)


def timed(environment, *command):
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return time.perf_counter() - began


def by_sensorctl(sensorctl):
    def step(*arguments):
        return lambda environment: timed(environment, sensorctl, "-q", *arguments, "--local")

    return {"up": step("up"), "again": step("up"), "look": step("plan"), "down": step("down", "--yes")}


def by_script(*script):
    return {step: (lambda step: lambda environment: timed(environment, *script, step))(step) for step in ("up", "look", "down")}


def measure(sensorctl, steps, runs, *options):
    times = {step: [] for step in steps}
    for _ in range(runs):
        with cloud(sensorctl, *options) as environment:
            for step, work in steps.items():
                times[step].append(work(environment))
    return {step: statistics.median(found) for step, found in times.items()}


def shown(seconds):
    return "" if seconds is None else f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def main(sensorctl, with_timing):
    sensorctl = os.path.realpath(sensorctl)
    here = os.path.realpath(__file__)
    tools = {
        "sensorctl": (by_sensorctl(sensorctl), RUNS),
        "boto3": (by_script(sys.executable, here, "boto3"), RUNS),
        "aws commands": (by_script(sys.executable, here, "aws"), 1),
    }
    if with_timing:
        print(f"critical path of the delays: {CRITICAL_PATH} s; sensorctl may take {CRITICAL_PATH * 1.15 + 2:.1f} s\n")
    found = {}
    for name, (steps, runs) in tools.items():
        options, runs = (("--timing", "aws"), 1) if with_timing else ((), runs)
        found[name] = measure(sensorctl, steps, runs, *options)
    print("| | `up` on nothing | `up` on everything | a look (`plan`) | `down` |\n|---|---|---|---|---|")
    for name, times in found.items():
        print("| " + " | ".join([name, *(shown(times.get(step)) for step in ("up", "again", "look", "down"))]) + " |")
    for name in ("boto3", "aws commands"):
        ratios = [f"{step} {found[name][step] / found['sensorctl'][step]:.1f} x" for step in ("up", "look", "down")]
        print(f"\n{name} takes longer: {', '.join(ratios)}")


def document(name):
    with open(os.path.join(TEMPLATES, name)) as file:
        return file.read()


class Aws:
    """Runs the commands of the walkthrough, one process each."""

    @staticmethod
    def run(*arguments):
        done = subprocess.run(["aws", *arguments, "--output", "json"], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def patiently(self, *arguments):
        """Retries while the role is not visible yet, as one does by hand."""
        while True:
            try:
                return self.run(*arguments)
            except RuntimeError as error:
                if "assumed" not in str(error) and "perform" not in str(error):
                    raise
            time.sleep(1)

    def mapping(self):
        found = self.run("lambda", "list-event-source-mappings")["EventSourceMappings"]
        return found[0] if found else None

    def up(self):
        self.run("dynamodb", "create-table", "--cli-input-json", f"file://{TEMPLATES}/sensor-data-table.json")
        self.run("dynamodb", "wait", "table-exists", "--table-name", "SensorData")
        self.run("kinesis", "create-stream", "--stream-name", STREAM, "--shard-count", "1")
        self.run("kinesis", "wait", "stream-exists", "--stream-name", STREAM)
        arn = self.run("kinesis", "describe-stream", "--stream-name", STREAM)["StreamDescription"]["StreamARN"]
        trust = f"file://{TEMPLATES}/lambda-trust-policy.json"
        self.run("iam", "create-role", "--role-name", ROLE, "--assume-role-policy-document", trust)
        for policy in MANAGED:
            self.run("iam", "attach-role-policy", "--role-name", ROLE, "--policy-arn", f"arn:aws:iam::aws:policy/{policy}")
        role = self.run("iam", "get-role", "--role-name", ROLE)["Role"]["Arn"]
        self.patiently(
            "lambda", "create-function", "--function-name", FUNCTION, "--zip-file", f"fileb://{os.environ['FUNCTION_ZIP']}",
            "--role", role, "--handler", "bootstrap", "--runtime", "provided.al2023",
        )
        self.run("lambda", "wait", "function-active-v2", "--function-name", FUNCTION)
        self.patiently(
            "lambda", "create-event-source-mapping", "--function-name", FUNCTION, "--event-source-arn", arn,
            "--starting-position", "LATEST",
        )
        while self.mapping()["State"] != "Enabled":
            time.sleep(1)

    def look(self):
        self.run("dynamodb", "describe-table", "--table-name", "SensorData")
        self.run("kinesis", "describe-stream-summary", "--stream-name", STREAM)
        self.run("iam", "get-role", "--role-name", ROLE)
        self.run("iam", "list-attached-role-policies", "--role-name", ROLE)
        self.run("lambda", "get-function", "--function-name", FUNCTION)
        self.mapping()

    def down(self):
        self.run("lambda", "delete-event-source-mapping", "--uuid", self.mapping()["UUID"])
        while self.mapping():
            time.sleep(1)
        self.run("lambda", "delete-function", "--function-name", FUNCTION)
        self.run("kinesis", "delete-stream", "--stream-name", STREAM)
        self.run("dynamodb", "delete-table", "--table-name", "SensorData")
        for policy in MANAGED:
            self.run("iam", "detach-role-policy", "--role-name", ROLE, "--policy-arn", f"arn:aws:iam::aws:policy/{policy}")
        self.run("iam", "delete-role", "--role-name", ROLE)
        self.run("kinesis", "wait", "stream-not-exists", "--stream-name", STREAM)
        self.run("dynamodb", "wait", "table-not-exists", "--table-name", "SensorData")


class Boto3:
    """Creates all resources of sensorctl, one call after the other in one process, with boto3's waiters."""

    def __init__(self):
        import boto3, botocore

        self.refused = botocore.exceptions.ClientError
        names = ("dynamodb", "kinesis", "iam", "lambda", "logs")
        self.dynamodb, self.kinesis, self.iam, self.lambdas, self.logs = (boto3.client(name) for name in names)

    def patiently(self, call, **arguments):
        while True:
            try:
                return call(**arguments)
            except self.refused as error:
                if "assumed" not in str(error) and "perform" not in str(error):
                    raise
            time.sleep(1)

    def mapping(self):
        found = self.lambdas.list_event_source_mappings(FunctionName=FUNCTION)["EventSourceMappings"]
        return found[0] if found else None

    def up(self):
        tags = {"sensorctl:stage": "default"}
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        for template in ("sensor-data-table.json", "rejects-table.json"):
            self.dynamodb.create_table(**{**json.loads(document(template)), "Tags": pairs})
        self.kinesis.create_stream(StreamName=STREAM, ShardCount=1, Tags=tags)
        trust = document("lambda-trust-policy.json")
        role = self.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust, Tags=pairs)["Role"]["Arn"]
        for policy in MANAGED:
            self.iam.attach_role_policy(RoleName=ROLE, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        self.logs.create_log_group(logGroupName=GROUP, tags=tags)
        self.logs.put_retention_policy(logGroupName=GROUP, retentionInDays=14)
        for table in ("SensorData", "SensorDataRejects"):
            self.dynamodb.get_waiter("table_exists").wait(TableName=table)
        expiry = {"Enabled": True, "AttributeName": "ExpiresAt"}
        self.dynamodb.update_time_to_live(TableName="SensorDataRejects", TimeToLiveSpecification=expiry)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=STREAM)
        arn = self.kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
        with open(os.environ["FUNCTION_ZIP"], "rb") as file:
            code = file.read()
        self.patiently(
            self.lambdas.create_function, FunctionName=FUNCTION, Runtime="provided.al2023", Handler="bootstrap", Role=role,
            Code={"ZipFile": code}, Tags=tags,
        )
        self.lambdas.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
        self.patiently(
            self.lambdas.create_event_source_mapping, FunctionName=FUNCTION, EventSourceArn=arn,
            StartingPosition="TRIM_HORIZON", FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        while self.mapping()["State"] != "Enabled":
            time.sleep(0.05)

    def look(self):
        for table in ("SensorData", "SensorDataRejects"):
            arn = self.dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
            self.dynamodb.describe_time_to_live(TableName=table)
            self.dynamodb.list_tags_of_resource(ResourceArn=arn)
        self.kinesis.describe_stream_summary(StreamName=STREAM)
        self.kinesis.list_tags_for_stream(StreamName=STREAM)
        self.iam.get_role(RoleName=ROLE)
        self.iam.list_attached_role_policies(RoleName=ROLE)
        self.iam.list_role_policies(RoleName=ROLE)
        self.lambdas.get_function(FunctionName=FUNCTION)
        self.mapping()
        self.logs.describe_log_groups(logGroupNamePrefix=GROUP)

    def down(self):
        self.lambdas.delete_event_source_mapping(UUID=self.mapping()["UUID"])
        while self.mapping():
            time.sleep(0.05)
        self.lambdas.delete_function(FunctionName=FUNCTION)
        self.kinesis.delete_stream(StreamName=STREAM)
        for table in ("SensorData", "SensorDataRejects"):
            self.dynamodb.delete_table(TableName=table)
        for policy in MANAGED:
            self.iam.detach_role_policy(RoleName=ROLE, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        self.iam.delete_role(RoleName=ROLE)
        self.kinesis.get_waiter("stream_not_exists").wait(StreamName=STREAM)
        for table in ("SensorData", "SensorDataRejects"):
            self.dynamodb.get_waiter("table_not_exists").wait(TableName=table)
        self.logs.delete_log_group(logGroupName=GROUP)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["aws" | "boto3" as tool, "up" | "look" | "down" as step]:
            getattr(Aws() if tool == "aws" else Boto3(), step)()
        case [sensorctl]:
            main(sensorctl, False)
        case [sensorctl, "--timing"]:
            main(sensorctl, True)
        case _:
            sys.exit(__doc__)

"""Tests boto3 against the local cloud in the environment: waiters, paginators, batch writers, typed exceptions."""
import collections, datetime, json, time, urllib.error, urllib.request

import boto3

TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def refused(error, call, words, **arguments):
    try:
        call(**arguments)
    except error as found:
        assert words in str(found), found
        return
    raise AssertionError(f"{call} was taken")


def shards(kinesis, name):
    """Lists all shards, one per page. botocore's own paginator repeats the name, which AWS refuses as well."""
    page = kinesis.list_shards(StreamName=name, MaxResults=1)
    while True:
        yield from page["Shards"]
        if "NextToken" not in page:
            return
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=1)


def read(kinesis, name, **start):
    """Reads the records of all shards, and checks that their sequence numbers rise."""
    records = collections.defaultdict(list)
    for shard in (shard["ShardId"] for shard in shards(kinesis, name)):
        iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, **start)["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator, Limit=100)
            records[shard] += answer["Records"]
            iterator = answer.get("NextShardIterator") if answer["MillisBehindLatest"] or answer["Records"] else None
        numbers = [int(record["SequenceNumber"]) for record in records[shard]]
        assert numbers == sorted(set(numbers))
    return records


def streams():
    kinesis, name = boto3.client("kinesis"), "python"
    kinesis.create_stream(StreamName=name, ShardCount=2, Tags={"by": "ci"})
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    put = [{"PartitionKey": str(at % 11), "Data": f"record {at}".encode()} for at in range(500)]
    answer = kinesis.put_records(StreamName=name, Records=put)
    assert answer["FailedRecordCount"] == 0 and len(answer["Records"]) == 500
    # boto3 sends whole seconds.
    time.sleep(1.1)
    between = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.update_shard_count(StreamName=name, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    kinesis.put_records(StreamARN=arn, Records=put)
    everything = [record["Data"] for shard in read(kinesis, name, ShardIteratorType="TRIM_HORIZON").values() for record in shard]
    assert collections.Counter(everything) == collections.Counter([record["Data"] for record in put] * 2)
    later = read(kinesis, name, ShardIteratorType="AT_TIMESTAMP", Timestamp=between)
    assert sum(len(records) for records in later.values()) == 500
    assert all(record["ApproximateArrivalTimestamp"] >= between for records in later.values() for record in records)

    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    kinesis.add_tags_to_stream(StreamName=name, Tags={"more": "1"})
    assert {tag["Key"] for tag in kinesis.list_tags_for_stream(StreamName=name)["Tags"]} == {"by", "more"}
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    assert kinesis.list_stream_consumers(StreamARN=arn)["Consumers"][0]["ConsumerARN"] == consumer["ConsumerARN"]
    errors = kinesis.exceptions
    refused(errors.ResourceInUseException, kinesis.delete_stream, "consumers", StreamName=name)
    refused(errors.ResourceInUseException, kinesis.create_stream, "already exists", StreamName=name, ShardCount=1)
    refused(errors.ResourceNotFoundException, kinesis.describe_stream, "not found", StreamName="none")
    refused(errors.InvalidArgumentException, kinesis.get_records, "Invalid ShardIterator", ShardIterator="nonsense")
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)


def tables():
    client, name = boto3.client("dynamodb"), "python"
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", Tags=[{"Key": "by", "Value": "ci"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}])
    client.get_waiter("table_exists").wait(TableName=name)
    table = boto3.resource("dynamodb").Table(name)
    with table.batch_writer() as batch:
        for number in range(300):
            batch.put_item(Item={"k": "a", "n": number, "text": "x" * 10_000, "nested": {"list": [1, None, b"\x00"]}})
    query = {"TableName": name, "KeyConditionExpression": "k = :k", "ExpressionAttributeValues": {":k": {"S": "a"}}}
    pages = list(client.get_paginator("query").paginate(**query))
    assert sum(page["Count"] for page in pages) == 300 and len(pages) > 2
    assert sum(page["Count"] for page in client.get_paginator("scan").paginate(TableName=name)) == 300
    refused(client.exceptions.ConditionalCheckFailedException, table.put_item, "conditional request failed",
            Item={"k": "a", "n": 1}, ConditionExpression="attribute_not_exists(k)")
    refused(client.exceptions.ResourceNotFoundException, client.describe_table, "not found", TableName="none")
    client.delete_table(TableName=name)
    client.get_waiter("table_not_exists").wait(TableName=name)


def simulated_policies(iam, arn):
    """The simulator decides each action for each resource, in pages, and tells condition keys without a value."""
    table, mine = "arn:aws:dynamodb:us-east-1:000000000000:table/python", "arn:aws:iam::000000000000:role/python"
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": table},
        {"Effect": "Deny", "Action": "dynamodb:DeleteTable", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": mine,
         "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}]}
    iam.put_role_policy(RoleName="python", PolicyName="reads", PolicyDocument=json.dumps(policy))
    asked = {"PolicySourceArn": arn, "ActionNames": ["dynamodb:Scan", "dynamodb:DeleteTable", "iam:PassRole"],
             "ResourceArns": [table, mine]}
    pages = list(iam.get_paginator("simulate_principal_policy").paginate(**asked, PaginationConfig={"PageSize": 2}))
    results = [result for page in pages for result in page["EvaluationResults"]]
    decisions = {(result["EvalActionName"], one["EvalResourceName"]): one["EvalResourceDecision"]
                 for result in results for one in result["ResourceSpecificResults"]}
    assert len(pages) == 2 and decisions[("dynamodb:Scan", table)] == "allowed"
    assert decisions[("dynamodb:Scan", mine)] == "implicitDeny"
    assert decisions[("dynamodb:DeleteTable", table)] == "explicitDeny"
    asked = {"PolicySourceArn": arn, "ActionNames": ["iam:PassRole"], "ResourceArns": [mine]}
    [result] = iam.simulate_principal_policy(**asked)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["iam:PassedToService"])
    entry = {"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string",
             "ContextKeyValues": ["lambda.amazonaws.com"]}
    [result] = iam.simulate_principal_policy(**asked, ContextEntries=[entry])["EvaluationResults"]
    assert result["EvalDecision"] == "allowed" and result["MatchedStatements"][0]["StartPosition"]["Line"] == 1
    custom = {"PolicyInputList": [json.dumps(policy)], "ActionNames": ["dynamodb:Scan"], "ResourceArns": [table]}
    assert iam.simulate_custom_policy(**custom)["EvaluationResults"][0]["EvalDecision"] == "allowed"
    refused(iam.exceptions.ClientError, iam.simulate_principal_policy, "CallerArn in iam:SimulatePrincipalPolicy",
            CallerArn=arn, **asked)
    refused(iam.exceptions.NoSuchEntityException, iam.simulate_principal_policy, "cannot be found",
            **{**asked, "PolicySourceArn": arn + "x"})


def roles_and_logs():
    iam, logs = boto3.client("iam"), boto3.client("logs")
    role = iam.create_role(RoleName="python", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    assert role["AssumeRolePolicyDocument"] == TRUST and role["CreateDate"].tzinfo
    assert "python" in [role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
    refused(iam.exceptions.EntityAlreadyExistsException, iam.create_role, "already exists", RoleName="python",
            AssumeRolePolicyDocument=json.dumps(TRUST))
    simulated_policies(iam, role["Arn"])
    iam.delete_role_policy(RoleName="python", PolicyName="reads")
    iam.delete_role(RoleName="python")
    logs.create_log_group(logGroupName="python")
    logs.create_log_stream(logGroupName="python", logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + at, "message": f"line {at}"} for at in range(50)]
    logs.put_log_events(logGroupName="python", logStreamName="s", logEvents=events)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="python", PaginationConfig={"PageSize": 7})
    assert [event["message"] for page in pages for event in page["events"]] == [event["message"] for event in events]
    logs.delete_log_group(logGroupName="python")


def metrics():
    cloudwatch, kinesis, name = boto3.client("cloudwatch"), boto3.client("kinesis"), "counted"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"1")

    def query(id, metric, stat="Sum"):
        dimensions = [{"Name": "StreamName", "Value": name}]
        of = {"Namespace": "AWS/Kinesis", "MetricName": metric, "Dimensions": dimensions}
        return {"Id": id, "MetricStat": {"Metric": of, "Period": 3600, "Stat": stat}}

    now = datetime.datetime.now(datetime.timezone.utc)
    window = {"StartTime": now - datetime.timedelta(hours=1), "EndTime": now + datetime.timedelta(minutes=1)}
    queries = [query("records", "IncomingRecords"), query("bytes", "IncomingBytes"), query("reads", "ReadProvisionedThroughputExceeded")]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, **window)
    found = {result["Id"]: result for page in pages for result in page["MetricDataResults"]}
    assert [found[id]["Values"] for id in ("records", "bytes", "reads")] == [[1.0], [2.0], []], found
    assert found["records"]["Timestamps"][0] <= now and found["records"]["StatusCode"] == "Complete"
    refused(cloudwatch.exceptions.ClientError, cloudwatch.get_metric_data, "p99",
            MetricDataQueries=[query("a", "IncomingRecords", "p99")], **window)
    kinesis.delete_stream(StreamName=name)


def presigned():
    """A presigned URL works without a key, and only unchanged."""
    sts = boto3.client("sts")
    address = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    with urllib.request.urlopen(address) as answer:
        assert sts.get_caller_identity()["Arn"].encode() in answer.read()
    refused(urllib.error.HTTPError, urllib.request.urlopen, "40", url=address.replace("GetCallerIdentity", "AssumeRole"))


def fan_out():
    """A consumer gets the records that it missed, those that come, and the children at the end of its shard."""
    kinesis, name = boto3.client("kinesis"), "python-fan-out"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    put = lambda data: kinesis.put_record(StreamName=name, PartitionKey="k", Data=data)
    put(b"before")
    shard = "shardId-000000000000"
    events = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard,
                                        StartingPosition={"Type": "TRIM_HORIZON"})["EventStream"]
    found = []
    for event in (event["SubscribeToShardEvent"] for event in events):
        found += [record["Data"] for record in event["Records"]]
        if event["Records"] and found == [b"before"]:
            put(b"after")
        elif event["Records"]:
            kinesis.split_shard(StreamName=name, ShardToSplit=shard, NewStartingHashKey="1000")
        children = [child["ShardId"] for child in event.get("ChildShards", [])]
    assert (found, len(children)) == ([b"before", b"after"], 2), (found, children)
    refused(kinesis.exceptions.ResourceInUseException, kinesis.delete_stream, "consumers", StreamName=name)
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


streams()
fan_out()
tables()
roles_and_logs()
metrics()
presigned()
print("boto3: streams across a reshard, enhanced fan-out, tables, roles and logs, metrics, presigned addresses; refusals by type")

// Tests enhanced fan-out in the local cloud in the environment, whose subscriptions last five seconds (`--timing aws/60`):
// the AWS SDK for JavaScript over HTTP/2 and HTTP/1.1, and lifion-kinesis. Each gets every record once and in order, across
// subscriptions that end and, but for the last, across a split.
import assert from "node:assert/strict";
import {
  CreateStreamCommand, DeregisterStreamConsumerCommand, DescribeStreamConsumerCommand, DescribeStreamSummaryCommand,
  KinesisClient, PutRecordsCommand, RegisterStreamConsumerCommand, SplitShardCommand, SubscribeToShardCommand,
  waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import aws4 from "aws4";
import Lifion from "lifion-kinesis";

const StreamName = "fan-out";
const BATCHES = 60, PER_BATCH = 20, TOTAL = BATCHES * PER_BATCH;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
// Calls until it succeeds, while what it needs is being created.
const until = async (call, { tries = 100 } = {}) => {
  for (let at = 1; ; at += 1) {
    const found = await call().catch((error) => {
      if (at === tries) throw error;
    });
    if (found) return found;
    assert.ok(at < tries, `${call} did not succeed`);
    await pause(100);
  }
};

const client = new KinesisClient();
await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
await waitUntilStreamExists({ client, maxWaitTime: 60, minDelay: 1 }, { StreamName });
const { StreamDescriptionSummary: { StreamARN } } = await client.send(new DescribeStreamSummaryCommand({ StreamName }));

const register = async (ConsumerName) => {
  const { Consumer: { ConsumerARN } } = await client.send(
    new RegisterStreamConsumerCommand({ StreamARN, ConsumerName }));
  await until(async () => {
    const about = await client.send(new DescribeStreamConsumerCommand({ ConsumerARN }));
    return about.ConsumerDescription.ConsumerStatus === "ACTIVE";
  });
  return ConsumerARN;
};

// Reads a shard and its children to the end of the test; returns what was read and how many subscriptions that took.
const read = async (client, ConsumerARN) => {
  const found = { records: [], subscriptions: 0, children: 0 };
  const readShard = async (ShardId) => {
    let StartingPosition = { Type: "TRIM_HORIZON" };
    for (;;) {
      const { EventStream } = await client.send(
        new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition }));
      found.subscriptions += 1;
      for await (const { SubscribeToShardEvent: event } of EventStream) {
        assert.ok(event, "another event");
        found.records.push(...event.Records.map(({ Data, SequenceNumber, PartitionKey }) => (
          { text: Buffer.from(Data).toString(), number: BigInt(SequenceNumber), key: PartitionKey })));
        const SequenceNumber = event.ContinuationSequenceNumber;
        if (SequenceNumber === undefined || SequenceNumber === null) {
          found.children += event.ChildShards.length;
          await Promise.all(event.ChildShards.map((child) => readShard(child.ShardId)));
          return;
        }
        StartingPosition = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber };
        if (found.records.length === TOTAL) return;
      }
      if (found.records.length >= TOTAL) return;
    }
  };
  await readShard("shardId-000000000000");
  return found;
};

// Every record once, and those of a key in the order in which they were put.
const check = (records, reader) => {
  assert.equal(records.length, TOTAL, reader);
  assert.equal(new Set(records.map(({ text }) => text)).size, TOTAL, reader);
  const last = new Map();
  for (const { text, key } of records) {
    const at = Number(text.split(" ")[1]);
    assert.ok(at > (last.get(key) ?? -1), `${reader}: ${text} of ${key}`);
    last.set(key, at);
  }
};

// lifion-kinesis 1.3.3 subscribes at the host of AWS, whatever its endpoint is, because aws4 is not told another one.
const { hostname, port } = new URL(process.env.AWS_ENDPOINT_URL);
const { sign } = aws4;
aws4.sign = (request, credentials) => sign(Object.assign(request, { hostname, port }), credentials);
const lifion = new Lifion({
  streamName: StreamName, useEnhancedFanOut: true, maxEnhancedConsumers: 1, useAutoShardAssignment: false,
  initialPositionInStream: "TRIM_HORIZON", shouldParseJson: false, leaseAcquisitionInterval: 1000,
  endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION,
  dynamoDb: { endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION },
});
const byLifion = [];
// It hands records on only when their checkpoint is stored: where that takes long, those of a child may come before the last
// ones of its parent. The order is that within a shard.
lifion.on("data", ({ records, shardId }) => byLifion.push(...records.map(({ data, partitionKey }) => (
  { text: Buffer.isBuffer(data) ? data.toString() : data, key: `${partitionKey} in ${shardId}` }))));
lifion.on("error", (error) => assert.fail(`lifion-kinesis: ${error}`));
await lifion.startConsumer();

const http1 = new KinesisClient({ requestHandler: new NodeHttpHandler() });
const [first, second] = [await register("http2"), await register("http1")];
const readers = [read(client, first), read(http1, second)];
// Longer than two subscriptions last.
for (let batch = 0; batch < BATCHES; batch += 1) {
  if (batch === BATCHES / 2) {
    const split = { StreamName, ShardToSplit: "shardId-000000000000", NewStartingHashKey: (2n ** 127n).toString() };
    await client.send(new SplitShardCommand(split));
  }
  const Records = [...Array(PER_BATCH).keys()].map((at) => (
    { PartitionKey: `key ${at % 7}`, Data: Buffer.from(`record ${batch * PER_BATCH + at}`) }));
  const { FailedRecordCount } = await client.send(new PutRecordsCommand({ StreamName, Records }));
  assert.equal(FailedRecordCount, 0);
  await pause(200);
}
const [overHttp2, overHttp1] = await Promise.all(readers);
for (const [reader, found] of [["HTTP/2", overHttp2], ["HTTP/1.1", overHttp1]]) {
  check(found.records, reader);
  assert.equal(found.children, 2);
  // Three shards, and subscriptions that ended after five seconds.
  assert.ok(found.subscriptions >= 4, `${reader}: ${found.subscriptions} subscriptions`);
}
await until(async () => byLifion.length >= TOTAL, { tries: 600 });
check(byLifion, "lifion-kinesis");

// An open subscription ends by the exception when its consumer is deregistered.
const ShardId = "shardId-000000000001", StartingPosition = { Type: "LATEST" };
await pause(200);
const { EventStream } = await client.send(new SubscribeToShardCommand({ ConsumerARN: first, ShardId, StartingPosition }));
await assert.rejects(async () => {
  let events = 0;
  for await (const event of EventStream) {
    assert.ok(event.SubscribeToShardEvent);
    if (events === 0) await client.send(new DeregisterStreamConsumerCommand({ ConsumerARN: first }));
    events += 1;
  }
}, { name: "ResourceNotFoundException" });
console.log(`enhanced fan-out: ${TOTAL} records across a split by ${overHttp2.subscriptions} subscriptions over HTTP/2, ` +
  `${overHttp1.subscriptions} over HTTP/1.1, and by lifion-kinesis, each once and in order`);
process.exit(0);

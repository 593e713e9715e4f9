// Tests the JavaScript SDK's Kinesis client, which uses HTTP/2, against the local cloud in the environment.
import assert from "node:assert/strict";
import {
  CreateStreamCommand, DeleteStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand,
  KinesisClient, ListShardsCommand, PutRecordsCommand, SplitShardCommand, SubscribeToShardCommand,
  waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";

const client = new KinesisClient();
const StreamName = "javascript";
await client.send(new CreateStreamCommand({ StreamName, ShardCount: 2, Tags: { by: "ci" } }));
await waitUntilStreamExists({ client, maxWaitTime: 60, minDelay: 1 }, { StreamName });
const text = (at) => `record ${at}`;
const Records = [...Array(500).keys()].map((at) => ({ PartitionKey: `${at % 7}`, Data: Buffer.from(text(at)) }));
// Many concurrent requests over one connection.
const puts = await Promise.all([...Array(8)].map(() => client.send(new PutRecordsCommand({ StreamName, Records }))));
assert.deepEqual(puts.map((put) => put.FailedRecordCount), Array(8).fill(0));

const { Shards } = await client.send(new ListShardsCommand({ StreamName }));
let count = 0;
for (const { ShardId } of Shards) {
  let last = 0n;
  let { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" }));
  for (;;) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator }));
    for (const record of page.Records) {
      assert.ok(BigInt(record.SequenceNumber) > last);
      last = BigInt(record.SequenceNumber);
      assert.match(Buffer.from(record.Data).toString(), /^record \d+$/);
      assert.ok(Date.now() - record.ApproximateArrivalTimestamp < 600_000);
    }
    count += page.Records.length;
    if (page.MillisBehindLatest === 0) break;
    ShardIterator = page.NextShardIterator;
  }
}
assert.equal(count, 4000);

const { StreamDescriptionSummary: about } = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
assert.ok(about.StreamCreationTimestamp instanceof Date && about.OpenShardCount === 2);
const refused = async (command, name, words) => {
  const error = await client.send(command).then(() => assert.fail("it was taken"), (error) => error);
  assert.equal(error.name, name);
  assert.match(error.message, words);
};
await refused(new DescribeStreamSummaryCommand({ StreamName: "none" }), "ResourceNotFoundException", /Stream none/);
await refused(new SplitShardCommand({ StreamName, ShardToSplit: Shards[0].ShardId, NewStartingHashKey: "0" }),
  "InvalidArgumentException", /NewStartingHashKey/);
await refused(new SubscribeToShardCommand({
  ConsumerARN: `${about.StreamARN}/consumer/c:1`, ShardId: Shards[0].ShardId, StartingPosition: { Type: "LATEST" },
}), "ResourceNotFoundException", /Consumer .* not found/);
await client.send(new DeleteStreamCommand({ StreamName }));
client.destroy();
console.log("javascript: 4,000 records over HTTP/2, in order; refusals by name");

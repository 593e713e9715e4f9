// The design of the walkthrough: one PutItem for each reading, eight in flight. The SDK keeps its connections alive.
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { items } from "./readings.mjs";
import { serve } from "./runtime.mjs";

const client = new DynamoDBClient({});
const TableName = process.env.SENSORCTL_TABLE ?? "SensorData";

serve(async (event) => {
  const all = items(event);
  let next = 0;
  // All at once would need gigabytes for the largest event.
  const worker = async () => {
    while (next < all.length) await client.send(new PutItemCommand({ TableName, Item: all[next++] }));
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return { batchItemFailures: [] };
});

// The design of the walkthrough: one PutItem for each reading. The SDK keeps its connections alive.
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { items } from "./readings.mjs";
import { serve } from "./runtime.mjs";

const client = new DynamoDBClient({});
const TableName = process.env.SENSORCTL_TABLE ?? "SensorData";

serve(async (event) => {
  await Promise.all(items(event).map((Item) => client.send(new PutItemCommand({ TableName, Item }))));
  return { batchItemFailures: [] };
});

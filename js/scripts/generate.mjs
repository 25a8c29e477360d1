// The types of both documents, into src/generated. With --check: whether they are what is there.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { mockCommand } from "./mock.mjs";

const isCheck = process.argv.includes("--check");
let isStale = false;
for (const [name, options] of [["agentos", []], ["control", ["--control"]]]) {
  const document = execFileSync(mockCommand, ["openapi", ...options], { encoding: "utf8", maxBuffer: 1 << 26 });
  const types = astToString(await openapiTS(JSON.parse(document)));
  const text = `// From the ${name} document, by openapi-typescript: npm run generate\n\n${types}`;
  const file = new URL(`../src/generated/${name}.ts`, import.meta.url);
  if (!isCheck) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) {
    console.error(`src/generated/${name}.ts is not what the document gives: npm run generate`);
    isStale = true;
  }
}
process.exit(isStale ? 1 : 0);

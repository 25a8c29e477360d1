// Three generators of types make a union of the events that narrows by `event`: a user's file
// (tests/user.ts.txt) compiles with each, by tsc --strict.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mockCommand } from "./mock.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(root, ".generated-"));
const bin = (name) => join(root, "node_modules", ".bin", name);
const run = (command, ...parameters) => execFileSync(command, parameters, { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 });

const HEADS = {
  "openapi-typescript": 'import type { components } from "./openapi-typescript";\ntype WorkflowRunEvent = components["schemas"]["WorkflowRunEvent"];\n',
  "hey-api": 'import type { WorkflowRunEvent } from "./hey";\n',
  orval: 'import type { WorkflowRunEvent } from "./orval";\n',
};

let failed = 0;
try {
  writeFileSync(join(folder, "openapi.json"), run(mockCommand, "openapi"));
  run(bin("openapi-typescript"), "openapi.json", "-o", "openapi-typescript.d.ts");
  run(bin("openapi-ts"), "-i", "openapi.json", "-o", "hey", "-p", "@hey-api/typescript");
  run(bin("orval"), "--input", "./openapi.json", "--output", "./orval.ts", "--client", "fetch");
  const user = readFileSync(new URL("../tests/user.ts.txt", import.meta.url), "utf8");
  for (const [name, head] of Object.entries(HEADS)) {
    const file = `uses-${name}.ts`;
    writeFileSync(join(folder, file), head + user);
    try {
      run(bin("tsc"), "--strict", "--noEmit", "--skipLibCheck", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", file);
      console.log(`${name}: a user's file compiles`);
    } catch (error) {
      console.error(`${name}: ${error.stdout}`);
      failed = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(failed);

// The TypeScript of docs/*.md compiles against the package.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const docs = fileURLToPath(new URL("../../docs", import.meta.url));
const folder = mkdtempSync(join(root, ".generated-"));
let count = 0;
try {
  for (const page of readdirSync(docs).filter((file) => file.endsWith(".md"))) {
    for (const [, text] of readFileSync(join(docs, page), "utf8").matchAll(/```ts\n(.*?)```/gs)) {
      count += 1;
      const given = text.includes("myClient") ? "declare function myClient(url: string, headers: Record<string, string>): { write(topic: string): Promise<void> };\n" : "";
      writeFileSync(join(folder, `${page}-${count}.ts`), `${given}${text}\nexport {};\n`);
    }
  }
  const options = { noEmit: true, module: "esnext", moduleResolution: "bundler", rootDir: "..", paths: { "agentos-mock": ["../src/index.ts"], "agentos-mock/*": ["../src/*.ts"] } };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../tsconfig.json", compilerOptions: options, include: ["*.ts"] }));
  execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", folder], { encoding: "utf8" });
  console.log(`docs: ${count} pieces of TypeScript compile`);
} catch (error) {
  console.error(error.stdout ?? error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

// The TypeScript of docs/*.md compiles against the package, and what is a test is left in snippets/
// for Playwright and Vitest to run on the package as it is built.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const docs = fileURLToPath(new URL("../../docs", import.meta.url));
const folder = join(root, "snippets");

// A front end's own client, of which the docs say no more.
const CLIENT = `function myClient(url: string, headers: Record<string, string>) {
  return {
    async write(message: string): Promise<void> {
      const body = new URLSearchParams({ message });
      const answer = await fetch(\`\${url}/workflows/article-writer/runs\`, { method: "POST", headers, body });
      await answer.text();
      if (answer.status === 503) await this.write(message);
    },
  };
}
`;

// What the docs' server for MSW is asked, from what this repository has recorded.
const PLAYED = `
import { expect, test as ran } from "vitest";
import { readEvents } from "agentos-mock";
ran("ran", async () => {
  const events: string[] = [];
  const body = new URLSearchParams({ message: "bees" });
  for await (const { event } of readEvents(await fetch("http://localhost:7777/workflows/article-writer/runs", { method: "POST", body }))) events.push(event);
  expect(events.at(-1)).toBe("WorkflowCompleted");
  server.close();
});
`;

/** What a snippet is run as: its file's name ends so, and what it needs besides. */
function runnable(text) {
  if (text.includes('"agentos-mock/playwright"')) return [".spec.ts", text];
  if (text.includes('"agentos-mock/vitest"')) return [".test.ts", `${text.includes("myClient") ? CLIENT : ""}${text}`];
  if (text.includes('"msw/node"')) return [".test.ts", `${text.replace('"recorded"', '"../fixtures/recordings"')}${PLAYED}`];
  if (text.includes("WorkflowRunEvent") && !text.includes("import")) return [".ts", `import type { WorkflowRunEvent } from "agentos-mock";\n${text}`];
  if (!text.includes("await fetch(")) return [".ts", text];
  const ran = text.replaceAll('"http://localhost:7777', 'process.env["AGENTOS_MOCK_URL"] + "');
  return [".test.ts", `import { test as ran } from "vitest";\n${ran}\nran("ran", () => {});\n`];
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
let count = 0;
for (const page of readdirSync(docs).filter((file) => file.endsWith(".md"))) {
  for (const [, snippet] of readFileSync(join(docs, page), "utf8").matchAll(/```ts\n(.*?)```/gs)) {
    count += 1;
    const [ending, text] = runnable(snippet);
    writeFileSync(join(folder, `${page.replace(/\.md$/, "")}-${count}${ending}`), `${text}\nexport {};\n`);
  }
}
const options = { noEmit: true, module: "esnext", moduleResolution: "bundler", rootDir: "..", paths: { "agentos-mock": ["../src/index.ts"], "agentos-mock/*": ["../src/*.ts"] } };
writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../tsconfig.json", compilerOptions: options, include: ["*.ts"] }));
try {
  execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", folder], { encoding: "utf8" });
  console.log(`docs: ${count} pieces of TypeScript compile`);
} catch (error) {
  console.error(error.stdout ?? error);
  process.exitCode = 1;
} finally {
  // Whoever runs them sees the package by its name, as it is built.
  rmSync(join(folder, "tsconfig.json"));
}

#!/usr/bin/env node
/** agentos-mock-msw: a module of MSW handlers from recordings, from scripts, or from a server. */

import { execFile } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { parseRecording, type Recording } from "./recording.js";
import { recordingsIn } from "./recordings.js";
import { mockCommand, spawnMock } from "./server.js";

const USAGE = `usage: agentos-mock-msw FROM --out FILE [--workflow ID]... [--message TEXT]... [--base-url URL] [--speed X]

Writes a module that exports \`handlers\` for MSW, which answer runs as they were recorded.

FROM              a folder that agentos-mock record has written; a folder of workflow scripts; or the
                  URL of a server. Scripts and servers are run once for each workflow and message.
--out FILE        the module, .ts or .js
--workflow ID     only this workflow; more than once for several
--message TEXT    what to ask of scripts and servers; more than once for several runs
--base-url URL    the server that the handlers stand in for; any without it
--speed X         how much faster than recorded they answer`;

class UsageError extends Error {}

async function main(): Promise<void> {
  const { values, positionals } = arguments_();
  const [from, ...more] = positionals;
  if (values.help) return console.log(USAGE);
  if (!from || more.length > 0 || !values.out) throw new UsageError(`expected one FROM, and --out FILE\n\n${USAGE}`);
  const speed = values.speed === undefined ? undefined : Number(values.speed);
  if (speed !== undefined && !(speed > 0)) throw new UsageError(`--speed ${values.speed}: expected a number above 0`);
  const asked = { workflows: values.workflow ?? [], messages: values.message ?? [] };
  const all = await recordingsOf(from, asked);
  const recordings = all.filter(({ workflow_id }) => asked.workflows.length === 0 || asked.workflows.includes(workflow_id));
  if (recordings.length === 0) {
    const there = [...new Set(all.map(({ workflow_id }) => workflow_id))].join(", ");
    throw new UsageError(`${from} has no recording${there && ` of ${asked.workflows.join(", ")}; there are those of ${there}`}`);
  }
  const options = { ...(values["base-url"] && { baseUrl: values["base-url"].replace(/\/+$/, "") }), ...(speed && { speed }) };
  await writeFile(values.out, moduleOf(recordings, options, from, values.out.endsWith("ts")));
  console.log(`${values.out}: ${recordings.length} recordings of ${[...new Set(recordings.map(({ workflow_id }) => workflow_id))].join(", ")}`);
  for (const told of refusals(recordings)) console.log(told);
}

/** What the handlers will refuse, as the server did: a typed workflow whose message is none, say. */
function refusals(recordings: Recording[]): string[] {
  const refused = recordings.filter(({ status }) => status >= 400);
  return [...new Set(refused.map(({ workflow_id, status, form }) => `${workflow_id} refused ${JSON.stringify(form["message"])} with ${status}, and so will its handlers; --message says what to ask`))];
}

function arguments_() {
  const text = { type: "string" } as const;
  const texts = { type: "string", multiple: true } as const;
  const options = { out: text, workflow: texts, message: texts, "base-url": text, speed: text, help: { type: "boolean", short: "h" } } as const;
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

async function recordingsOf(from: string, asked: { workflows: string[]; messages: string[] }): Promise<Recording[]> {
  if (/^https?:\/\//.test(from)) return recorded(from, asked);
  if (await isFolder(join(from, "recordings"))) return (await recordingsIn(from)).map(parseRecording);
  if (!(await isFolder(from))) throw new UsageError(`${from}: expected a folder or a URL`);
  const mock = await spawnMock({ args: ["--workflows", from] });
  try {
    return await recorded(mock.url, asked);
  } finally {
    await mock.stop();
  }
}

async function recorded(url: string, { workflows, messages }: { workflows: string[]; messages: string[] }): Promise<Recording[]> {
  const folder = await mkdtemp(join(tmpdir(), "agentos-mock-"));
  const wanted = [...workflows.flatMap((id) => ["--workflow", id]), ...messages.flatMap((text) => ["--message", text])];
  try {
    await promisify(execFile)(mockCommand(), ["record", url, "--out", folder, ...wanted]);
    return (await recordingsIn(folder)).map(parseRecording);
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw stderr ? new UsageError(stderr.trim()) : error;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => false);
}

function moduleOf(recordings: Recording[], options: object, from: string, isTypeScript: boolean): string {
  const imported = isTypeScript ? "recordingHandlers, type Recording" : "recordingHandlers";
  const declared = isTypeScript ? "const recordings: Recording[]" : '/** @type {import("agentos-mock/msw").Recording[]} */\nconst recordings';
  return `// Handlers for MSW, by agentos-mock-msw from ${from.replace(/[\r\n]/g, " ")}: make it anew rather than edit it.
import { ${imported} } from "agentos-mock/msw";

${declared} = [
${recordings.map(literal).join("\n")}
];

export const handlers = recordingHandlers(recordings, ${JSON.stringify(options)});
`;
}

/** A recording, an event a line: what changes is seen in a diff. */
function literal({ frames, ...rest }: Recording): string {
  const head = JSON.stringify(rest).slice(0, -1);
  const lines = frames.map((frame) => `    ${JSON.stringify(frame)},`).join("\n");
  return `  ${head},"frames":[${lines && `\n${lines}\n  `}]},`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});

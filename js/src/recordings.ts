/** The recordings of a folder, for `recordingHandlers` in Node. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The texts of the recordings that `agentos-mock record --out FOLDER` has written. */
export async function recordingsIn(folder: string): Promise<string[]> {
  const place = join(folder, "recordings");
  const files = (await readdir(place)).filter((file) => file.endsWith(".jsonl")).sort();
  return Promise.all(files.map((file) => readFile(join(place, file), "utf8")));
}

// Writes src/api/schema.d.ts from the API's own description: `npm run client` after every change of a route.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const python = process.env.SHELFCAST_PYTHON ?? join(web, "..", ".venv", "bin", "python");
const dump = `
import json
from shelfcast.bootstrap import in_memory
from shelfcast.entrypoints.http.app import build
print(json.dumps(build(in_memory()).openapi()))
`;
const folder = mkdtempSync(join(tmpdir(), "shelfcast-openapi-"));
try {
  const description = execFileSync(python, ["-c", dump], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const file = join(folder, "openapi.json");
  writeFileSync(file, description);
  const generator = join(web, "node_modules", "openapi-typescript", "bin", "cli.js");
  execFileSync(process.execPath, [generator, file, "--output", join(web, "src", "api", "schema.d.ts")], {
    stdio: "inherit",
  });
} finally {
  rmSync(folder, { recursive: true });
}

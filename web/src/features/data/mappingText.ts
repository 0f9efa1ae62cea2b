import { type Document, isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";

/**
 * Change what a column of the file becomes, in the mapping's own text, so that what people wrote around it stays.
 *
 * `target` is `table.column`, or empty for "not used".
 */
export function withColumn(text: string, source: string, target: string): string {
  const document = parseDocument(text);
  const targets = targetsOf(document);
  const [table, column] = target.split(".");
  for (const one of targets.items) {
    if (!isMap(one)) continue;
    const columns = one.get("columns");
    if (!isMap(columns)) continue;
    for (const pair of [...columns.items]) {
      const key = String((pair.key as { value?: unknown })?.value ?? pair.key);
      if (columns.get(key) === source && (!target || one.get("table") === table)) {
        columns.delete(key);
        forget(one, key);
      }
    }
  }
  if (table && column) {
    let mine = targets.items.find((one) => isMap(one) && one.get("table") === table) as YAMLMap | undefined;
    if (!mine) {
      mine = document.createNode({ table, columns: {} }) as YAMLMap;
      targets.add(mine);
    }
    let columns = mine.get("columns");
    if (!isMap(columns)) {
      columns = document.createNode({});
      mine.set("columns", columns);
    }
    (columns as YAMLMap).set(column, source);
  }
  return document.toString();
}

/** A date format belongs to the column it was found for; another column needs its own. */
function forget(target: YAMLMap, column: string): void {
  const dates = target.get("dates");
  if (isMap(dates)) dates.delete(column);
}

function targetsOf(document: Document): YAMLSeq {
  const found = document.get("targets");
  if (isSeq(found)) return found;
  const made = document.createNode([]) as YAMLSeq;
  document.set("targets", made);
  return made;
}

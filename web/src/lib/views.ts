/** Saved views of a page: name -> the address's query. Kept by the browser, per person. */
function keyOf(person: string, page: string): string {
  return `shelfcast.views.${person}.${page}`;
}

export function readViews(person: string, page: string): Record<string, string> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(keyOf(person, page)) ?? "{}");
    if (typeof found !== "object" || found === null || Array.isArray(found)) return {};
    return Object.fromEntries(Object.entries(found).filter(([, query]) => typeof query === "string")) as Record<
      string,
      string
    >;
  } catch {
    return {};
  }
}

export function writeViews(person: string, page: string, views: Record<string, string>): void {
  localStorage.setItem(keyOf(person, page), JSON.stringify(views));
}

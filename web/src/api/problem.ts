/** An answer of the API that isn't a success: RFC 9457 problem details, or what stands in for them. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
    this.name = "ApiProblem";
  }

  static async of(response: Response): Promise<ApiProblem> {
    const text = await response.text().catch(() => "");
    return ApiProblem.from(response.status, parse(text) ?? text);
  }

  static from(status: number, body: unknown): ApiProblem {
    if (typeof body === "object" && body !== null && "detail" in body) {
      const { title, detail } = body as { title?: string; detail?: unknown };
      return new ApiProblem(status, title ?? "Refused", typeof detail === "string" ? detail : JSON.stringify(detail));
    }
    return new ApiProblem(status, `The server answered ${status}`, typeof body === "string" ? body.slice(0, 300) : "");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The sentence a person reads for any error. */
export function sentenceOf(error: unknown): { title: string; detail: string } {
  if (error instanceof ApiProblem) return { title: error.title, detail: error.detail };
  if (error instanceof TypeError)
    return { title: "The server doesn't answer", detail: "Is it running, and is the network up? Then try again." };
  return { title: "Something went wrong", detail: error instanceof Error ? error.message : String(error) };
}

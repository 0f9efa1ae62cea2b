import { type UseQueryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import createClient, { type FetchResponse, type MaybeOptionalInit, type Middleware } from "openapi-fetch";
import type { MediaType, PathsWithMethod } from "openapi-typescript-helpers";
import { ApiProblem } from "./problem";
import type { components, paths } from "./schema";
import { accessToken, apiBase, dropAccess } from "./session";

export type Schemas = components["schemas"];

const withToken: Middleware = {
  async onRequest({ request }) {
    const token = await accessToken();
    if (token) request.headers.set("authorization", `Bearer ${token}`);
    return request;
  },
  async onResponse({ response }) {
    if (response.status === 401) dropAccess();
  },
};

export let api = createClient<paths>({ baseUrl: "" });

/** Called once, when /config.json is known. */
export function connect(): void {
  api = createClient<paths>({
    baseUrl: apiBase(),
    querySerializer: { array: { style: "form", explode: true } },
  });
  api.use(withToken);
}

/** The data of an answer; anything but success is thrown as an `ApiProblem`. */
export async function answer<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok) throw ApiProblem.from(response.status, error);
  return data as T;
}

type Get<Path extends PathsWithMethod<paths, "get">> = MaybeOptionalInit<paths[Path], "get">;
type Data<Path extends PathsWithMethod<paths, "get">, Init> = Required<
  FetchResponse<paths[Path]["get"] & Record<string | number, unknown>, Init, MediaType>
>["data"];
type Options<T> = Omit<UseQueryOptions<T, Error, T>, "queryKey" | "queryFn">;

/** Read from the API: typed by path, cached by path and parameters. */
export function useGet<Path extends PathsWithMethod<paths, "get">, Init extends Get<Path>>(
  path: Path,
  init: Init,
  options?: Options<Data<Path, Init>>,
) {
  return useQuery<Data<Path, Init>, Error, Data<Path, Init>>({
    queryKey: [path, (init as { params?: unknown } | undefined)?.params ?? null],
    queryFn: ({ signal }) =>
      answer<Data<Path, Init>>((api.GET as never as Getter<Data<Path, Init>>)(path, { ...(init as object), signal })),
    ...options,
  });
}

type Getter<T> = (path: string, init: object) => Promise<{ data?: T; error?: unknown; response: Response }>;

/** Change something; afterwards what starts with one of the given paths is read again. */
export function useChange<Input, Output>(work: (input: Input) => Promise<Output>, stale: string[]) {
  const queries = useQueryClient();
  return useMutation<Output, Error, Input>({
    mutationFn: work,
    onSuccess: () =>
      queries.invalidateQueries({
        predicate: ({ queryKey }) => stale.some((one) => String(queryKey[0]).startsWith(one)),
      }),
  });
}

/** Fetch a file with the token and hand it to the browser under a name. */
export async function download(path: string, query: Record<string, unknown>, name: string): Promise<void> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") search.append(key, String(one));
    }
  }
  const token = await accessToken();
  const response = await fetch(`${apiBase()}${path}?${search}`, {
    headers: token ? { authorization: `Bearer ${token}` } : {},
  });
  if (!response.ok) throw await ApiProblem.of(response);
  save(await response.blob(), name);
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

import Box from "@cloudscape-design/components/box";
import Spinner from "@cloudscape-design/components/spinner";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiProblem } from "../api/problem";
import { Problem } from "./Problem";

interface Props<T> {
  query: UseQueryResult<T, Error>;
  /** What to show instead of an error while there is nothing yet (409 Not ready, 404). */
  notYet?: ReactNode;
  what?: string;
  children: (data: T) => ReactNode;
}

/** One of: loading, an error with a way to try again, not there yet, the content. */
export function Loaded<T>({ query, notYet, what = "", children }: Props<T>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) {
    if (query.error instanceof ApiProblem && query.error.title === "Not ready") {
      return <>{notYet ?? <Empty title="Nothing here yet" text={query.error.detail} />}</>;
    }
    return <Problem error={query.error} onRetry={() => query.refetch()} />;
  }
  return (
    <Box textAlign="center" padding="xl" color="text-status-inactive">
      <Spinner /> <span role="status">Loading{what ? ` ${what}` : ""}…</span>
    </Box>
  );
}

/** Nothing to show, why, and what to do about it. */
export function Empty({ title, text, action }: { title: string; text?: ReactNode; action?: ReactNode }) {
  return (
    <Box textAlign="center" padding={{ vertical: "l" }} color="inherit">
      <Box variant="strong" color="inherit" display="block">
        {title}
      </Box>
      {text && (
        <Box variant="p" color="text-body-secondary">
          {text}
        </Box>
      )}
      {action}
    </Box>
  );
}

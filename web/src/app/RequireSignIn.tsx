import Spinner from "@cloudscape-design/components/spinner";
import { type ReactNode, useSyncExternalStore } from "react";
import { Navigate, useLocation } from "react-router";
import { useGet } from "../api/client";
import { ApiProblem } from "../api/problem";
import { mayBeSignedIn, onChange } from "../api/session";
import { Problem } from "../components/Problem";
import { Me } from "./me";

/** Shows its content to somebody signed in; sends everybody else to sign in and back here. */
export function RequireSignIn({ children }: { children: ReactNode }) {
  const here = useLocation();
  const possible = useSyncExternalStore(onChange, mayBeSignedIn);
  const me = useGet("/v1/me", {}, { enabled: possible, staleTime: Number.POSITIVE_INFINITY });
  const refused = me.error instanceof ApiProblem && me.error.status === 401;
  if (!possible || refused) {
    const back = `${here.pathname}${here.search}`;
    return <Navigate to={back === "/" ? "/sign-in" : `/sign-in?${new URLSearchParams({ back })}`} replace />;
  }
  if (me.error) return <Problem error={me.error} onRetry={() => me.refetch()} />;
  if (!me.data) {
    return (
      <div style={{ display: "grid", placeItems: "center", minHeight: "60vh" }}>
        <Spinner size="large" />
      </div>
    );
  }
  return <Me.Provider value={me.data}>{children}</Me.Provider>;
}

import { createContext, useContext } from "react";
import type { Schemas } from "../api/client";

export const Me = createContext<Schemas["Me"] | undefined>(undefined);

/** Who is signed in. */
export function useMe(): Schemas["Me"] {
  const me = useContext(Me);
  if (!me) throw new Error("useMe is for pages behind the sign-in");
  return me;
}

const RANK = { viewer: 0, planner: 1, admin: 2 } as const;

/** May this person act in the role? Admins may do all a planner may, planners all a viewer may. */
export function useMay(role: keyof typeof RANK): boolean {
  const mine = useMe().role;
  return mine in RANK && RANK[mine as keyof typeof RANK] >= RANK[role];
}

import { useEffect, useState } from "react";

/** Pages of a list that is read by cursor: keeps the cursors of the pages passed, so that one can go back. */
export function usePages(key: string) {
  const [state, setState] = useState<{ key: string; cursors: string[]; index: number }>({
    key,
    cursors: [""],
    index: 1,
  });
  useEffect(() => {
    setState((before) => (before.key === key ? before : { key, cursors: [""], index: 1 }));
  }, [key]);
  const current = state.key === key ? state : { key, cursors: [""], index: 1 };
  return {
    cursor: current.cursors[current.index - 1] ?? "",
    pages(next: string | undefined) {
      return {
        index: current.index,
        more: Boolean(next),
        go(index: number) {
          const cursors = [...current.cursors];
          if (next) cursors[current.index] = next;
          if (index <= cursors.length) setState({ key, cursors, index });
        },
      };
    },
  };
}

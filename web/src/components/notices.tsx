import type { FlashbarProps } from "@cloudscape-design/components/flashbar";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import { sentenceOf } from "../api/problem";

interface Notice {
  id: string;
  type: FlashbarProps.Type;
  header?: string;
  text: ReactNode;
}

interface Noticing {
  notices: Notice[];
  say: (type: FlashbarProps.Type, text: ReactNode, header?: string) => void;
  sayProblem: (error: unknown) => void;
  dismiss: (id: string) => void;
}

const Context = createContext<Noticing | undefined>(undefined);

export function Notices({ children }: { children: ReactNode }) {
  const [notices, setNotices] = useState<Notice[]>([]);
  const dismiss = useCallback((id: string) => setNotices((all) => all.filter((one) => one.id !== id)), []);
  const say = useCallback<Noticing["say"]>(
    (type, text, header) => {
      const id = crypto.randomUUID?.() ?? String(Math.random());
      setNotices((all) => [{ id, type, text, header }, ...all].slice(0, 4));
      if (type === "success") setTimeout(() => dismiss(id), 8000);
    },
    [dismiss],
  );
  const value = useMemo(() => {
    const sayProblem = (error: unknown) => {
      const { title, detail } = sentenceOf(error);
      say("error", detail, title);
    };
    return { notices, say, sayProblem, dismiss };
  }, [notices, say, dismiss]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Say what happened, at the top of the page. */
export function useNotices(): Noticing {
  const value = useContext(Context);
  if (!value) throw new Error("useNotices is for what stands inside <Notices>");
  return value;
}

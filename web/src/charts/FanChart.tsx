import { useMemo } from "react";
import { useAppearance } from "../app/appearance";
import { EChart } from "./EChart";
import { type FutureDay, fanHeight, fanOption, fanSentence, type PastDay, type Span } from "./fanOption";
import { paletteOf } from "./palette";

interface Props {
  name: string;
  past: PastDay[];
  future: FutureDay[];
  spans: Span[];
  currency?: string | null;
}

export function FanChart({ name, past, future, spans, currency }: Props) {
  const { dark } = useAppearance();
  const option = useMemo(
    () => fanOption(past, future, spans, paletteOf(dark), currency),
    [past, future, spans, dark, currency],
  );
  return <EChart option={option} height={fanHeight(past, spans)} label={fanSentence(name, past, future)} />;
}

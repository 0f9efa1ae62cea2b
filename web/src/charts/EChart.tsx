import Box from "@cloudscape-design/components/box";
import Spinner from "@cloudscape-design/components/spinner";
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import { useEffect, useRef, useState } from "react";

interface Props {
  option: EChartsCoreOption;
  height: number;
  /** What the chart shows, in a sentence: read out in its place. */
  label: string;
  onClick?: (event: { name: string; seriesName?: string; dataIndex: number }) => void;
}

/** An ECharts drawing. The library loads with the first chart, so that pages without one stay light. */
export function EChart({ option, height, label, onClick }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType>(undefined);
  const latest = useRef(option);
  const click = useRef(onClick);
  const [ready, setReady] = useState(false);
  latest.current = option;
  click.current = onClick;

  useEffect(() => {
    let gone = false;
    let watch: ResizeObserver | undefined;
    import("./echarts").then(({ init }) => {
      if (gone || !place.current) return;
      const made = init(place.current);
      chart.current = made;
      made.setOption(latest.current);
      made.on("click", (event) => click.current?.(event as never));
      watch = new ResizeObserver(() => made.resize());
      watch.observe(place.current);
      setReady(true);
    });
    return () => {
      gone = true;
      watch?.disconnect();
      chart.current?.dispose();
      chart.current = undefined;
    };
  }, []);

  useEffect(() => {
    chart.current?.setOption(option, { notMerge: true });
  }, [option]);

  return (
    <div style={{ position: "relative" }}>
      {!ready && (
        <div style={{ position: "absolute", inset: 0, display: "grid", placeItems: "center" }}>
          <Box color="text-status-inactive">
            <Spinner /> Drawing…
          </Box>
        </div>
      )}
      <div ref={place} className="chart" role="img" aria-label={label} data-ready={ready} style={{ height }} />
    </div>
  );
}

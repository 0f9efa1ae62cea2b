import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useMemo } from "react";
import { useAppearance } from "../../app/appearance";
import { EChart } from "../../charts/EChart";
import { linesOption } from "../../charts/lines";
import { paletteOf } from "../../charts/palette";
import { Empty } from "../../components/Loaded";
import { day, units } from "../../lib/format";
import type { OrderDetail } from "./model";

/** Expected stock day by day, with and without the order. */
export function Projection({ detail }: { detail: OrderDetail }) {
  const { dark } = useAppearance();
  const days = detail.projection;
  const option = useMemo(() => {
    const colors = paletteOf(dark);
    return linesOption(
      days.map((one) => one.date),
      [
        { name: "Stock with the order", color: colors.forecast, values: days.map((one) => one.stock_with) },
        { name: "Stock without it", color: colors.without, values: days.map((one) => one.stock_without), dashed: true },
        { name: "Expected demand", color: colors.faint, values: days.map((one) => one.demand), bars: true },
        ...(days.some((one) => one.arrivals > 0)
          ? [
              {
                name: "Already ordered, arrives",
                color: colors.override,
                values: days.map((one) => one.arrivals || null),
                bars: true,
              },
            ]
          : []),
      ],
      colors,
    );
  }, [days, dark]);
  const empty = days.find((one) => one.stock_without <= 0);
  const still = days.find((one) => one.stock_with <= 0);
  const sentence = empty
    ? `Without the order the shelf is expected to be empty on ${day(empty.date)}${still ? `, with it on ${day(still.date)}` : "; with it, it isn't in these days"}.`
    : `Stock is expected to last all ${days.length} days even without the order.`;
  return (
    <Container
      header={
        <Header variant="h2" description={days.length ? sentence : undefined}>
          Stock, with and without the order
        </Header>
      }
    >
      {days.length ? (
        <EChart
          option={option}
          height={300}
          label={`${sentence} Stock with the order ends at ${units(days.at(-1)?.stock_with)} units.`}
        />
      ) : (
        <Empty title="No forecast for these days" />
      )}
    </Container>
  );
}

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useAppearance } from "../../app/appearance";
import { paletteOf } from "../../charts/palette";
import { monthDay, percent, signed, units, words } from "../../lib/format";
import type { OrderDetail } from "./model";

interface Row {
  name: string;
  note?: string;
  value: number;
  /** A level reached (bar from zero) or a change on the way (bar from the level before). */
  level: boolean;
  from: number;
}

/** From expected demand to the quantity, step by step; each bar begins where the one above it ended. */
export function traceRows(detail: OrderDetail): Row[] {
  const { why, line } = detail;
  const rows: Row[] = [];
  const mean = why.window_mean ?? 0;
  const target = why.order_up_to ?? mean;
  const position = why.inventory_position ?? 0;
  const level = (name: string, value: number, note?: string) => rows.push({ name, value, note, level: true, from: 0 });
  const change = (name: string, value: number, from: number, note?: string) =>
    rows.push({ name, value, note, level: false, from });
  const days = detail.window_from ? `${monthDay(detail.window_from)} – ${monthDay(detail.window_to)}` : undefined;
  level("Expected demand to cover", mean, days);
  const extra = (why.promo_units ?? 0) + (why.presentation ?? 0);
  change(
    "Safety stock and floors",
    target - mean,
    mean,
    [
      why.target_value != null && `for ${percent(why.target_value, 1)}`,
      extra > 0 && `with ${units(extra)} for shelf and promotion`,
    ]
      .filter(Boolean)
      .join(", ") || undefined,
  );
  level("Target", target);
  change(
    "Already there or coming",
    -position,
    target,
    [
      `${units(why.on_hand)} on hand`,
      why.blocked && `${units(why.blocked)} blocked`,
      why.on_order_in_window && `${units(why.on_order_in_window)} on order`,
      why.backorders && `${units(why.backorders)} owed`,
      why.expected_waste && `${units(why.expected_waste)} will expire`,
    ]
      .filter(Boolean)
      .join(", "),
  );
  const left = target - position - detail.need;
  if (Math.abs(left) > 0.05)
    change(left > 0 ? "Share bought elsewhere, or policy" : "Policy", -left, target - position);
  level("Need", detail.need);
  for (const step of detail.steps) change(step.meaning, step.units, step.after - step.units);
  level("Order proposed", line.qty, line.packs ? `${units(line.packs)} packs of ${units(line.pack_size)}` : undefined);
  if (line.edited) {
    change(`${line.decided_by || "A planner"} changed it`, line.decided_qty - line.qty, line.qty, line.reason);
    level("Order", line.decided_qty);
  }
  return rows;
}

export function Trace({ detail }: { detail: OrderDetail }) {
  const { dark } = useAppearance();
  const colors = paletteOf(dark);
  const rows = traceRows(detail);
  const top = Math.max(1e-9, ...rows.map((one) => Math.max(one.from, one.from + one.value, one.level ? one.value : 0)));
  const bottom = Math.min(0, ...rows.map((one) => (one.level ? one.value : Math.min(one.from, one.from + one.value))));
  const place = (value: number) => (100 * (value - bottom)) / (top - bottom);
  return (
    <Container
      header={
        <Header variant="h2" description="Need and steps add up to the quantity exactly.">
          From demand to order
        </Header>
      }
    >
      <table className="trace">
        <caption className="visually-hidden">From expected demand to the order quantity, step by step</caption>
        <tbody>
          {rows.map((one) => {
            const ends = one.level ? [0, one.value] : [one.from, one.from + one.value];
            const low = Math.min(...ends);
            const high = Math.max(...ends);
            const color = one.level ? colors.forecast : one.value < 0 ? colors.without : colors.festival;
            return (
              <tr key={one.name} data-level={one.level}>
                <th scope="row">
                  {words(one.name)}
                  {one.note && (
                    <Box variant="small" color="text-body-secondary" display="block">
                      {one.note}
                    </Box>
                  )}
                </th>
                <td className="trace-number">{one.level ? units(one.value) : signed(one.value)}</td>
                <td className="trace-bar" aria-hidden="true">
                  <span
                    style={{
                      marginLeft: `${place(low)}%`,
                      width: `max(2px, ${place(high) - place(low)}%)`,
                      background: color,
                      opacity: one.level ? 1 : 0.75,
                    }}
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Container>
  );
}

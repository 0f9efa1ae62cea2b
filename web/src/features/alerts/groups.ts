import type { Schemas } from "../../api/client";

type Alert = Schemas["AlertView"];

export interface Group {
  cause: string;
  alerts: Alert[];
}

const GRAVITY = { critical: 2, warning: 1, note: 0 } as const;

/** Alerts of one cause together; the groups and what is in them in the order they came (the gravest first). */
export function byCause(alerts: readonly Alert[]): Group[] {
  const groups = new Map<string, Alert[]>();
  for (const one of alerts) groups.set(one.cause, [...(groups.get(one.cause) ?? []), one]);
  return [...groups].map(([cause, members]) => ({ cause, alerts: members }));
}

/** The gravest severity of some alerts. */
export function gravest(alerts: readonly Alert[]): Alert["severity"] {
  return alerts.reduce<Alert["severity"]>(
    (worst, one) => (GRAVITY[one.severity] > GRAVITY[worst] ? one.severity : worst),
    "note",
  );
}

const CAUSES: Record<string, string> = {
  "orders.waiting": "Orders to decide on",
  "orders.stockout_risk": "Will run out",
  "orders.overstock": "Too much stock",
  "orders.exception": "Exceptions of the order run",
  "quality.check": "Data quality",
  "quality.freshness": "Data that is late",
  "load.refused": "Refused loads",
  "job.failed": "Failed jobs",
  "model.age": "Age of the model",
  "source.down": "Outside sources",
  "erp.delivery": "Orders that don't reach the ERP",
  "schedule.missed": "Missed schedules",
  "notice.failed": "Notices that can't be sent",
  "system.disk": "Disk",
};

/** What a cause is called: a name of ours, or its own in words. */
export function causeName(cause: string): string {
  const own = cause.replaceAll(/[._]/g, " ");
  return CAUSES[cause] ?? own.charAt(0).toUpperCase() + own.slice(1);
}

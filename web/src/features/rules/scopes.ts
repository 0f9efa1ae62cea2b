import type { Schemas } from "../../api/client";

type Rule = Schemas["RuleView"];

export const SCOPES: { value: Rule["scope"]; label: string }[] = [
  { value: "default", label: "Everything" },
  { value: "category", label: "A category" },
  { value: "supplier", label: "A supplier" },
  { value: "location", label: "A store" },
  { value: "item", label: "An item" },
  { value: "item_location", label: "An item in a store" },
];

/** Whom a rule is for, in words. */
export function forWhom(rule: Pick<Rule, "scope" | "scope_value" | "item_id" | "location_id">): string {
  switch (rule.scope) {
    case "default":
      return "everything";
    case "item":
      return `item ${rule.item_id}`;
    case "item_location":
      return `item ${rule.item_id} in ${rule.location_id}`;
    case "location":
      return `store ${rule.scope_value}`;
    default:
      return `${rule.scope} ${rule.scope_value}`;
  }
}

import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useNavigate, useParams } from "react-router";
import { useMay } from "../../app/me";
import { Page } from "../../components/Page";
import { TableRows } from "../data/TableRows";
import { RulesTab } from "./RulesTab";

const TABLES = [
  {
    id: "sourcing",
    label: "Suppliers and packs",
    text: "Where each item is ordered: lead time, pack, smallest order, cost.",
  },
  { id: "order_calendar", label: "Calendars", text: "Days on which a supplier takes orders and delivers." },
  { id: "order_dates", label: "Exceptions", text: "Extra, closed or paired days of suppliers." },
  {
    id: "item_locations",
    label: "Shelf and life",
    text: "Listing, shelf, shelf life and money of an item in a store.",
  },
  { id: "limits", label: "Limits", text: "Supplier minimum, truck, dock and budget." },
];

/** What orders are made by: rules, and the suppliers' terms. */
export default function RulesPage() {
  const { tab = "rules" } = useParams();
  const navigate = useNavigate();
  const planner = useMay("planner");
  return (
    <Page
      title="Rules"
      description="What orders are made by. Rules are set here, from a day on; suppliers' terms come in as files."
      actions={
        planner && (
          <SpaceBetween direction="horizontal" size="xs">
            <Button iconName="upload" onClick={() => navigate("/data/upload")}>
              Import a file
            </Button>
          </SpaceBetween>
        )
      }
    >
      <Tabs
        ariaLabel="Kinds of rules"
        activeTabId={tab}
        onChange={({ detail }) => navigate(`/rules/${detail.activeTabId}`)}
        tabs={[
          { id: "rules", label: "Targets and policies", content: <RulesTab /> },
          ...TABLES.map((one) => ({
            id: one.id,
            label: one.label,
            content: <TableRows key={one.id} table={one.id} title={one.label} description={one.text} />,
          })),
        ]}
      />
    </Page>
  );
}

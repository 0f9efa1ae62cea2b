import Tabs from "@cloudscape-design/components/tabs";
import { useNavigate, useParams } from "react-router";
import { useMay } from "../../app/me";
import { Empty } from "../../components/Loaded";
import { Page } from "../../components/Page";
import { AuditTab } from "./AuditTab";
import { NoticesTab } from "./NoticesTab";
import { SchedulesTab } from "./SchedulesTab";
import { SettingsTab } from "./SettingsTab";
import { UsersTab } from "./UsersTab";

/** Who may do what, what runs when, who is told, how the lake is set, who did what. */
export default function AdminPage() {
  const { tab = "users" } = useParams();
  const navigate = useNavigate();
  const admin = useMay("admin");
  return (
    <Page title="Admin" description="People, schedules, notices, settings, and the record of every change.">
      {admin ? (
        <Tabs
          ariaLabel="Parts of the admin page"
          activeTabId={tab}
          onChange={({ detail }) => navigate(`/admin/${detail.activeTabId}`)}
          tabs={[
            { id: "users", label: "Users", content: <UsersTab /> },
            { id: "schedules", label: "Schedules", content: <SchedulesTab /> },
            { id: "notices", label: "Notices", content: <NoticesTab /> },
            { id: "settings", label: "Settings", content: <SettingsTab /> },
            { id: "audit", label: "Audit log", content: <AuditTab /> },
          ]}
        />
      ) : (
        <Empty title="This page is for admins" text="Ask an admin for what you need." />
      )}
    </Page>
  );
}

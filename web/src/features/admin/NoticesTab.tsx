import Button from "@cloudscape-design/components/button";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { moment, words } from "../../lib/format";

type Notice = Schemas["NoticeView"];

const COLUMNS: Column<Notice>[] = [
  { id: "at", header: "When", cell: (one) => moment(one.made_at), minWidth: 150 },
  { id: "title", header: "Notice", cell: (one) => one.title || "–", rowHeader: true, minWidth: 220 },
  { id: "channels", header: "Sent by", cell: (one) => <Channels notice={one} />, minWidth: 200 },
];

function Channels({ notice }: { notice: Notice }) {
  return notice.channels.map((one) => (
    <div key={one.name}>
      <StatusIndicator type={one.state === "sent" ? "success" : one.state === "waiting" ? "pending" : "stopped"}>
        {words(one.name)}
        {one.tries > 0 && `, ${one.tries} tries`}
      </StatusIndicator>
      {one.error && <div>{one.error}</div>}
    </div>
  ));
}

/** What went out to people, and what waits to. */
export function NoticesTab() {
  const notices = useGet("/v1/notices", {}, { staleTime: 0, refetchInterval: 30_000 });
  const { say, sayProblem } = useNotices();
  const test = useChange(() => answer(api.POST("/v1/notices/test", {})), ["/v1/audit"]);
  function told(trials: Schemas["Trial"][]) {
    for (const one of trials)
      if (one.error) say("error", `${words(one.channel)}: ${one.error}`);
      else say("success", `A test went out by ${words(one.channel).toLowerCase()}.`);
  }
  return (
    <DataTable
      title="Notices"
      description="Alerts people were told of, many at a time. What can't be sent waits and is tried again."
      actions={
        <Button
          loading={test.isPending}
          onClick={() => test.mutate(undefined, { onSuccess: told, onError: sayProblem })}
        >
          Send a test
        </Button>
      }
      columns={COLUMNS}
      rows={notices.data}
      rowId={(one) => one.notice_id}
      loading={notices.isLoading}
      error={notices.error}
      onRetry={() => notices.refetch()}
      empty={
        <Empty
          title="Nothing was sent yet"
          text="Addresses are set in the lake's settings; see the how-to on alerts."
        />
      }
    />
  );
}

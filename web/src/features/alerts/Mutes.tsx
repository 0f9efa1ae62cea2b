import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import DatePicker from "@cloudscape-design/components/date-picker";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { moment } from "../../lib/format";
import { NAMES } from "../today/AlertRow";
import { causeName } from "./groups";

type Mute = Schemas["MuteView"];
type NewMute = Schemas["NewMute"];

const STALE = ["/v1/alerts", "/v1/audit"];

function times(one: Mute): string {
  const parts = [one.days, one.hours && `${one.hours} ${one.time_zone}`, one.ends && `until ${moment(one.ends)}`];
  return parts.filter(Boolean).join(", ");
}

/** When nobody is told of what; muted alerts stand in the list all the same. */
export function Mutes() {
  const admin = useMay("admin");
  const mutes = useGet("/v1/alerts/mutes", {});
  const { sayProblem } = useNotices();
  const [adding, setAdding] = useState(false);
  const remove = useChange(
    (id: string) => answer(api.DELETE("/v1/alerts/mutes/{mute_id}", { params: { path: { mute_id: id } } })),
    STALE,
  );
  const columns: Column<Mute>[] = [
    {
      id: "cause",
      header: "Cause",
      cell: (one) => (one.cause ? causeName(one.cause) : "Every cause"),
      rowHeader: true,
    },
    { id: "up_to", header: "Up to", cell: (one) => NAMES[one.up_to] },
    { id: "times", header: "When", cell: times, minWidth: 160 },
    { id: "now", header: "Now", cell: (one) => (one.now ? "Muted" : "–") },
    { id: "reason", wide: true, header: "Reason", cell: (one) => one.reason || "–" },
    { id: "by", wide: true, header: "By", cell: (one) => one.by },
    ...(admin
      ? [
          {
            id: "end",
            header: "Change",
            cell: (one: Mute) => (
              <Button
                variant="inline-link"
                disabled={remove.isPending}
                ariaLabel={`End the mute of ${one.cause || "every cause"}`}
                onClick={() => remove.mutate(one.mute_id, { onError: sayProblem })}
              >
                End it
              </Button>
            ),
          },
        ]
      : []),
  ];
  return (
    <>
      <DataTable
        title="Mutes"
        description="Times in which people aren't told; what is muted stands in the list and is told afterwards."
        actions={admin && <Button onClick={() => setAdding(true)}>Mute…</Button>}
        columns={columns}
        rows={mutes.data}
        rowId={(one) => one.mute_id}
        loading={mutes.isLoading}
        error={mutes.error}
        onRetry={() => mutes.refetch()}
        empty={<Empty title="Nothing is muted" />}
      />
      {adding && <Add onClose={() => setAdding(false)} />}
    </>
  );
}

const SEVERITIES = (["note", "warning", "critical"] as const).map((one) => ({ value: one, label: NAMES[one] }));

function Add({ onClose }: { onClose: () => void }) {
  const [cause, setCause] = useState("");
  const [upTo, setUpTo] = useState<Mute["up_to"]>("warning");
  const [hours, setHours] = useState("22:00-06:00");
  const [days, setDays] = useState("");
  const [ends, setEnds] = useState("");
  const [reason, setReason] = useState("");
  const add = useChange((body: NewMute) => answer(api.POST("/v1/alerts/mutes", { body })), STALE);
  function save() {
    const body: NewMute = {
      cause: cause.trim(),
      up_to: upTo,
      hours: hours.trim(),
      days: days.trim(),
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      reason,
      ends: ends ? new Date(`${ends}T23:59:59`).toISOString() : null,
    };
    add.mutate(body, { onSuccess: onClose });
  }
  return (
    <Modal
      visible
      header="Mute alerts"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={onClose}>Cancel</Button>
            <Button variant="primary" loading={add.isPending} onClick={save}>
              Mute
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <FormField label="Cause" description="Its beginning, such as forecast or quality.check; empty: every cause.">
          <Input value={cause} onChange={({ detail }) => setCause(detail.value)} />
        </FormField>
        <FormField label="Up to" description="Graver alerts are told all the same.">
          <Select
            selectedOption={SEVERITIES.find((one) => one.value === upTo) ?? null}
            options={SEVERITIES}
            onChange={({ detail }) => setUpTo(detail.selectedOption.value as Mute["up_to"])}
          />
        </FormField>
        <FormField label="Hours" description="Such as 22:00-06:00, by this machine's clock; empty: all day.">
          <Input value={hours} onChange={({ detail }) => setHours(detail.value)} />
        </FormField>
        <FormField label="Days" description="Such as sat-sun; empty: every day.">
          <Input value={days} onChange={({ detail }) => setDays(detail.value)} />
        </FormField>
        <FormField label="Last day" description="Empty: until somebody ends it.">
          <DatePicker value={ends} expandToViewport onChange={({ detail }) => setEnds(detail.value)} />
        </FormField>
        <FormField label="Reason">
          <Input value={reason} onChange={({ detail }) => setReason(detail.value)} />
        </FormField>
        {add.error && <Alert type="error">{add.error.message}</Alert>}
      </SpaceBetween>
    </Modal>
  );
}

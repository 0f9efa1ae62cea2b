import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import DateRangePicker, { type DateRangePickerProps } from "@cloudscape-design/components/date-range-picker";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { answer, api, type Schemas, useChange } from "../../api/client";
import { Confirm } from "../../components/Confirm";
import { isLive, JobProgress, useJob } from "../../components/JobProgress";
import { useNotices } from "../../components/notices";
import { addDays, signed, units } from "../../lib/format";
import { METHODS, type Method, overridden, type SeriesDetail } from "./model";

type New = Schemas["NewOverride"];

const REASONS: New["reason"][] = [
  "local event",
  "promotion not in the plan",
  "price change",
  "weather",
  "competitor",
  "assortment change",
  "data error",
  "management decision",
  "other",
];

/** Say what you know that the model doesn't; the job that brings it into forecasts and orders is shown to its end. */
export function OverrideDialog({ series, onClose }: { series: SeriesDetail; onClose: () => void }) {
  const first = series.forecast[0]?.date ?? addDays(series.cutoff, 1);
  const last = series.forecast.at(-1)?.date ?? first;
  const [range, setRange] = useState<DateRangePickerProps.AbsoluteValue>({
    type: "absolute",
    startDate: first,
    endDate: [addDays(first, 6), last].sort()[0] as string,
  });
  const [where, setWhere] = useState("here");
  const [method, setMethod] = useState<Method>("multiply");
  const [text, setText] = useState("");
  const [reason, setReason] = useState<New["reason"]>("local event");
  const [note, setNote] = useState("");
  const [job, setJob] = useState("");
  const queries = useQueryClient();
  const { say } = useNotices();
  const running = useJob(job);
  const number = text.trim() === "" ? Number.NaN : Number(text);
  const value = method === "multiply" ? 1 + number / 100 : number;
  const touched = series.forecast.filter((one) => one.date >= range.startDate && one.date <= range.endDate);
  const before = touched.reduce((sum, one) => sum + one.mean, 0);
  const after = touched.reduce((sum, one) => sum + overridden(one.mean, method, value), 0);
  const save = useChange((body: New) => answer(api.POST("/v1/overrides", { body })), ["/v1/overrides", "/v1/jobs"]);
  const state = running.data?.state;

  useEffect(() => {
    if (!job || !state || isLive(running.data)) return;
    void queries.invalidateQueries();
    if (state === "done") {
      say("success", "The override is in the forecast and in the orders.");
      onClose();
    }
  }, [job, state, running.data, queries, say, onClose]);

  return (
    <Confirm
      title={`Override ${series.item_name || series.item_id}`}
      action="Override"
      busy={save.isPending || (job !== "" && (state === undefined || isLive(running.data)))}
      disabled={Number.isNaN(number) || !touched.length || job !== "" || (method !== "add" && value < 0)}
      onCancel={onClose}
      onConfirm={() =>
        save.mutate(
          {
            items: [series.item_id],
            locations: where === "here" ? [series.location_id] : [],
            category: "",
            first: range.startDate,
            last: range.endDate,
            method,
            value,
            reason,
            note: note.trim(),
          },
          { onSuccess: (started) => setJob(started.job.job_id) },
        )
      }
    >
      <SpaceBetween size="m">
        {save.error && <Alert type="error">{save.error.message}</Alert>}
        <FormField label="Days">
          <DateRangePicker
            value={range}
            onChange={({ detail }) => detail.value?.type === "absolute" && setRange(detail.value)}
            isValidRange={(picked) =>
              picked?.type === "absolute" && picked.startDate && picked.endDate
                ? { valid: true }
                : { valid: false, errorMessage: "Choose a first and a last day." }
            }
            isDateEnabled={(date) => {
              const one = `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
              return one >= first && one <= last;
            }}
            relativeOptions={[]}
            rangeSelectorMode="absolute-only"
            dateOnly
            expandToViewport
            placeholder="First and last day"
          />
        </FormField>
        <FormField label="Where">
          <RadioGroup
            value={where}
            onChange={({ detail }) => setWhere(detail.value)}
            items={[
              { value: "here", label: `Only in ${series.location_name || series.location_id}` },
              { value: "all", label: "In every store" },
            ]}
          />
        </FormField>
        <FormField label="Change the forecast">
          <Select
            selectedOption={{ value: method, label: METHODS[method].label }}
            options={Object.entries(METHODS).map(([id, one]) => ({ value: id, label: one.label }))}
            onChange={({ detail }) => setMethod(detail.selectedOption.value as Method)}
          />
        </FormField>
        <FormField label={method === "multiply" ? "Percent" : "Units a day"} constraintText={METHODS[method].hint}>
          <Input type="number" inputMode="decimal" value={text} onChange={({ detail }) => setText(detail.value)} />
        </FormField>
        {!Number.isNaN(number) && (
          <Box>
            {touched.length} days: <b>{units(after)}</b> units instead of {units(before)} ({signed(after - before)}
            {where === "all" ? " in this store" : ""}).
          </Box>
        )}
        <FormField label="Reason">
          <Select
            selectedOption={{ value: reason, label: reason }}
            options={REASONS.map((one) => ({ value: one, label: one }))}
            onChange={({ detail }) => setReason(detail.selectedOption.value as New["reason"])}
          />
        </FormField>
        <FormField label="Note" description="Later the app says whether the override made the forecast better.">
          <Input
            value={note}
            placeholder="Street market next to the store"
            onChange={({ detail }) => setNote(detail.value)}
          />
        </FormField>
        {job && <JobProgress id={job} />}
      </SpaceBetween>
    </Confirm>
  );
}

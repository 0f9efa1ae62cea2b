import FormField from "@cloudscape-design/components/form-field";
import Textarea from "@cloudscape-design/components/textarea";
import { type ReactNode, useState } from "react";
import { Confirm } from "../../components/Confirm";

interface Props {
  title: string;
  action: string;
  busy: boolean;
  onConfirm: (reason: string) => void;
  onCancel: () => void;
  children?: ReactNode;
}

/** A decision that needs a reason: those who come after will ask. */
export function ReasonDialog({ title, action, busy, onConfirm, onCancel, children }: Props) {
  const [reason, setReason] = useState("");
  return (
    <Confirm
      title={title}
      action={action}
      busy={busy}
      disabled={reason.trim().length < 3}
      onCancel={onCancel}
      onConfirm={() => onConfirm(reason.trim())}
    >
      {children}
      <FormField label="Reason" description="Kept with your name, for those who come after.">
        <Textarea
          value={reason}
          rows={2}
          autoFocus
          onChange={({ detail }) => setReason(detail.value)}
          placeholder="Street market on Saturday"
        />
      </FormField>
    </Confirm>
  );
}

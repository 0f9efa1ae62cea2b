import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import FormField from "@cloudscape-design/components/form-field";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { useMe } from "../../app/me";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { moment, words } from "../../lib/format";

type User = Schemas["User"];
type Role = User["role"];

const ROLES: { value: Role; label: string; description: string }[] = [
  { value: "viewer", label: "Viewer", description: "Looks at everything, changes nothing" },
  {
    value: "planner",
    label: "Planner",
    description: "Also overrides forecasts, decides orders, edits rules, starts work",
  },
  { value: "admin", label: "Admin", description: "Also manages people, models and settings" },
  { value: "erp", label: "ERP (machine)", description: "Pulls orders and forecasts, acknowledges them" },
];

export function UsersTab() {
  const users = useGet("/v1/users", {});
  const me = useMe();
  const { say, sayProblem } = useNotices();
  const [inviting, setInviting] = useState(false);
  const [deleting, setDeleting] = useState<User>();
  const change = useChange(
    ({ name, body }: { name: string; body: Schemas["UserChange"] }) =>
      answer(api.PATCH("/v1/users/{name}", { params: { path: { name } }, body })),
    ["/v1/users", "/v1/audit"],
  );
  const remove = useChange(
    (name: string) => answer(api.DELETE("/v1/users/{name}", { params: { path: { name } } })),
    ["/v1/users", "/v1/audit"],
  );
  const columns: Column<User>[] = [
    { id: "name", header: "Name", cell: (one) => one.name, rowHeader: true },
    { id: "role", header: "Role", cell: (one) => words(one.role) },
    { id: "state", header: "State", cell: (one) => <UserState user={one} /> },
    { id: "since", wide: true, header: "Since", cell: (one) => moment(one.created_at) },
    {
      id: "actions",
      header: "Change",
      cell: (one) => (
        <ButtonDropdown
          ariaLabel={`Change ${one.name}`}
          variant="inline-icon"
          expandToViewport
          items={[
            {
              text: "Role",
              items: ROLES.map((role) => ({
                id: `role:${role.value}`,
                text: role.label,
                disabled: one.role === role.value || one.name === me.name,
              })),
            },
            { id: "unlock", text: "Lift the lock", disabled: !one.locked_until },
            {
              id: one.disabled ? "enable" : "disable",
              text: one.disabled ? "Enable" : "Disable",
              disabled: one.name === me.name,
            },
            { id: "delete", text: "Delete…", disabled: one.name === me.name },
          ]}
          onItemClick={({ detail }) => act(one, detail.id)}
        />
      ),
    },
  ];
  function act(user: User, action: string) {
    if (action === "delete") return setDeleting(user);
    const body: Schemas["UserChange"] =
      action === "unlock"
        ? { unlock: true }
        : action.startsWith("role:")
          ? { role: action.slice(5) as Role, unlock: false }
          : { disabled: action === "disable", unlock: false };
    change.mutate(
      { name: user.name, body },
      { onSuccess: () => say("success", `${user.name} is changed.`), onError: sayProblem },
    );
  }
  return (
    <>
      <DataTable
        title="Users"
        counter={users.data && `(${users.data.length})`}
        actions={
          <Button variant="primary" onClick={() => setInviting(true)}>
            Invite somebody
          </Button>
        }
        columns={columns}
        rows={users.data}
        rowId={(one) => one.name}
        loading={users.isLoading}
        error={users.error}
        onRetry={() => users.refetch()}
        empty={<Empty title="No users" />}
      />
      {inviting && <Invite onClose={() => setInviting(false)} />}
      {deleting && (
        <Confirm
          title={`Delete ${deleting.name}?`}
          action="Delete"
          busy={remove.isPending}
          onCancel={() => setDeleting(undefined)}
          onConfirm={() =>
            remove.mutate(deleting.name, {
              onSuccess: () => say("success", `${deleting.name} is deleted.`),
              onError: sayProblem,
              onSettled: () => setDeleting(undefined),
            })
          }
        >
          They can't sign in any more. What they did stays in the audit log under their name.
        </Confirm>
      )}
    </>
  );
}

function UserState({ user }: { user: User }) {
  if (user.disabled) return <StatusIndicator type="stopped">Disabled</StatusIndicator>;
  if (user.locked_until)
    return <StatusIndicator type="warning">Locked until {moment(user.locked_until)}</StatusIndicator>;
  return <StatusIndicator type="success">Active</StatusIndicator>;
}

function Invite({ onClose }: { onClose: () => void }) {
  const [role, setRole] = useState<Role>("planner");
  const invite = useChange(
    (body: Schemas["NewInvite"]) => answer(api.POST("/v1/users/invites", { body })),
    ["/v1/audit"],
  );
  const link = invite.data && `${location.origin}/welcome?code=${encodeURIComponent(invite.data.code)}`;
  return (
    <Modal
      visible
      header="Invite somebody"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={onClose}>{link ? "Done" : "Cancel"}</Button>
            {!link && (
              <Button variant="primary" loading={invite.isPending} onClick={() => invite.mutate({ role })}>
                Make a one-time link
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <FormField label="Role">
          <Select
            selectedOption={ROLES.find((one) => one.value === role) ?? null}
            options={ROLES}
            disabled={Boolean(link)}
            onChange={({ detail }) => setRole(detail.selectedOption.value as Role)}
          />
        </FormField>
        {invite.error && <Alert type="error">{invite.error.message}</Alert>}
        {link && (
          <Alert type="success" header={`Send this link; it works once, until ${moment(invite.data?.expires_at)}`}>
            <CopyToClipboard
              variant="inline"
              textToCopy={link}
              copyButtonAriaLabel="Copy the link"
              copySuccessText="Copied"
              copyErrorText="Could not copy: mark the link and copy it by hand"
            />
          </Alert>
        )}
      </SpaceBetween>
    </Modal>
  );
}

import Box from "@cloudscape-design/components/box";
import CollectionPreferences from "@cloudscape-design/components/collection-preferences";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import { type ReactNode, useState } from "react";
import { Problem } from "./Problem";

/** A column as data: how it is called, what a cell shows, how the API sorts by it. */
export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** Name to sort by; columns without one can't be sorted. */
  sort?: string;
  right?: boolean;
  width?: number;
  minWidth?: number;
  /** Hidden until chosen. */
  optional?: boolean;
  /** Hidden until chosen on a narrow screen. */
  wide?: boolean;
  rowHeader?: boolean;
}

interface Props<T> {
  title: string;
  counter?: string;
  description?: ReactNode;
  actions?: ReactNode;
  columns: Column<T>[];
  rows: readonly T[] | undefined;
  rowId: (row: T) => string;
  loading: boolean;
  error?: unknown;
  onRetry?: () => void;
  empty: ReactNode;
  filter?: ReactNode;
  /** `column` or `-column`. */
  sort?: string;
  onSort?: (sort: string) => void;
  pages?: { index: number; more: boolean; go: (index: number) => void };
  selection?: { selected: T[]; select: (rows: T[]) => void; label: (row: T) => string };
  /** Columns shown; kept under this name by the browser. */
  preferences?: string;
  shown?: string[];
  onShown?: (columns: string[]) => void;
  variant?: TableProps.Variant;
  footer?: ReactNode;
}

/** Rows from the API as a table that can be filtered, sorted, paged, selected and trimmed to the columns one needs. */
export function DataTable<T>(props: Props<T>) {
  const { columns, preferences } = props;
  const narrow = innerWidth < 700;
  const usual = columns.filter((one) => !one.optional && !(one.wide && narrow)).map((one) => one.id);
  const [kept, keep] = useState<string[]>(() => saved(preferences) ?? usual);
  const shown = props.shown?.length ? props.shown : kept;
  const sorting = props.sort?.replace(/^-/, "");
  const sortingColumn = columns.find((one) => one.sort === sorting);
  return (
    <Table<T>
      variant={props.variant ?? "container"}
      items={props.rows ?? []}
      trackBy={props.rowId}
      loading={props.loading && props.rows === undefined}
      loadingText="Loading…"
      stickyHeader
      wrapLines
      columnDefinitions={columns.map((one) => ({
        id: one.id,
        header: one.right ? <span className="number">{one.header}</span> : one.header,
        ariaLabel: () => one.header,
        cell: (row) => (one.right ? <span className="number">{one.cell(row)}</span> : one.cell(row)),
        sortingField: one.sort,
        width: one.width,
        minWidth: one.minWidth ?? (one.right ? 90 : 110),
        isRowHeader: one.rowHeader,
      }))}
      columnDisplay={columns.map((one) => ({ id: one.id, visible: shown.includes(one.id) }))}
      sortingColumn={sortingColumn && { sortingField: sortingColumn.sort }}
      sortingDescending={props.sort?.startsWith("-")}
      sortingDisabled={!props.onSort}
      onSortingChange={({ detail }) =>
        props.onSort?.(`${detail.isDescending ? "-" : ""}${detail.sortingColumn.sortingField ?? ""}`)
      }
      empty={props.error ? <Problem error={props.error} onRetry={props.onRetry} /> : props.empty}
      filter={props.filter}
      header={
        <Header variant="h2" counter={props.counter} description={props.description} actions={props.actions}>
          {props.title}
        </Header>
      }
      footer={props.footer}
      pagination={
        props.pages && (props.pages.more || props.pages.index > 1) ? (
          <Pagination
            currentPageIndex={props.pages.index}
            pagesCount={props.pages.index + (props.pages.more ? 1 : 0)}
            openEnd={props.pages.more}
            onChange={({ detail }) => props.pages?.go(detail.currentPageIndex)}
            ariaLabels={{
              nextPageLabel: "Next page",
              previousPageLabel: "Previous page",
              pageLabel: (page) => `Page ${page}`,
            }}
          />
        ) : undefined
      }
      preferences={
        preferences && (
          <CollectionPreferences
            title="Columns"
            confirmLabel="Use these"
            cancelLabel="Cancel"
            preferences={{ visibleContent: shown }}
            visibleContentPreference={{
              title: "Columns to show",
              options: [
                {
                  label: "All",
                  options: columns.map((one) => ({ id: one.id, label: one.header, editable: !one.rowHeader })),
                },
              ],
            }}
            onConfirm={({ detail }) => {
              const next = [...(detail.visibleContent ?? usual)];
              keep(next);
              localStorage.setItem(`shelfcast.columns.${preferences}`, JSON.stringify(next));
              props.onShown?.(next);
            }}
          />
        )
      }
      selectionType={props.selection && "multi"}
      selectedItems={props.selection?.selected}
      onSelectionChange={({ detail }) => props.selection?.select(detail.selectedItems)}
      ariaLabels={{
        tableLabel: props.title,
        selectionGroupLabel: `Rows of ${props.title}`,
        allItemsSelectionLabel: () => "Select all rows of this page",
        itemSelectionLabel: (_, row) => `Select ${props.selection?.label(row) ?? props.rowId(row)}`,
      }}
    />
  );
}

function saved(name: string | undefined): string[] | undefined {
  if (!name) return undefined;
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`shelfcast.columns.${name}`) ?? "null");
    return Array.isArray(value) && value.length ? value.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** Two lines in a cell: what it is, and its id in grey. */
export function Named({ name, id }: { name?: string | null; id: string }) {
  if (!name || name === id) return <>{id}</>;
  return (
    <>
      {name}
      <Box variant="small" display="block" color="text-body-secondary">
        {id}
      </Box>
    </>
  );
}

import type {Dashboard} from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as states from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** T as it stands in JSON: the value of an enumeration is a string there, and still one of its own. */
type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : {[Key in keyof T]: Plain<T[Key]>};

/** All but what only the kind of a panel knows. */
export type PlainDashboard = Plain<Dashboard>;

/** The options of a panel, by its kind; what is left out has a default. */
export interface Options {
  bargauge: Plain<Partial<bargauge.Options>>;
  heatmap: Plain<Partial<heatmap.Options>>;
  stat: Plain<Partial<stat.Options>>;
  'state-timeline': Plain<Partial<states.Options>>;
  table: Plain<Partial<table.Options>>;
  timeseries: Plain<Partial<timeseries.Options>>;
}

/** How its series look, where the kind has a say in that. */
export interface Custom {
  bargauge: undefined;
  heatmap: Plain<heatmap.FieldConfig>;
  stat: undefined;
  'state-timeline': Plain<states.FieldConfig>;
  table: Plain<Partial<table.FieldConfig>>;
  timeseries: Plain<timeseries.FieldConfig>;
}
